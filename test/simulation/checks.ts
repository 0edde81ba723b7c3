/** What must hold when nothing is under way: everything that can be read, against what the disk gives. */
import type { CitizenKey, Engine, PeriodParameters, Standing, WalletCommand } from '../../engine/index.ts';
import { visiblePeriods } from '../../engine/index.ts';
import { commandKey } from '../../engine/shard/command-text.ts';
import { CARDS, PEOPLE } from '../model/walk.ts';
import { type Auditor, NO_TOTAL, type Seen, short, type Total } from './auditor.ts';
import { expectThat, Violation } from './fault.ts';
import { isSame, type Requests } from './requests.ts';
import type { Scheduler } from './scheduler.ts';

export interface Checked {
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly auditor: Auditor;
  readonly requests: Requests;
  /** By name. */
  readonly citizens: ReadonlyMap<string, CitizenKey>;
}

/** Everything is asked at once: so it travels in few batches. */
export async function checkAtRest(checked: Checked): Promise<void> {
  const { engine, auditor, requests, citizens } = checked;
  auditor.expectAtRest();
  await Promise.all([
    ...[...citizens.values()].map((citizen) => checkCitizen(checked, citizen)),
    ...visiblePeriods(engine.programme).map((period) => checkRanking(checked, period)),
    ...CARDS.map((hpan) => checkCard(checked, hpan)),
    ...requests.all.map(({ command, text }) => (command === null ? null : checkOutcome(checked, command, text))),
  ]);
}

/** What a read of a total may show: one of the wallet's states since it was asked, and the law's figures for it. */
export function expectSeen(
  shown: {
    readonly rawCents: number;
    readonly transactionNumber: number;
    readonly shownCents: number;
    readonly payableCents: number;
  },
  period: PeriodParameters,
  states: readonly Seen[],
  who: string,
): void {
  const { rawCents, transactionNumber } = shown;
  const isThere = states.some(({ totals }) => {
    const total = totals.get(period.awardPeriodId) ?? NO_TOTAL;
    return total.rawCents === rawCents && total.count === transactionNumber;
  });
  expectThat(isThere, 'flushed', () => {
    const held = states.map(({ totals }) => totals.get(period.awardPeriodId) ?? NO_TOTAL).slice(-3);
    return `${who} is shown ${rawCents} cents of ${transactionNumber}, on disk ${JSON.stringify(held)}`;
  });
  const cents = Math.max(0, Math.min(rawCents, period.maxPeriodCashbackCents));
  expectThat(shown.shownCents === cents, 'law', () => `${who}: ${shown.shownCents} of ${rawCents} cents are shown`);
  const payable = transactionNumber < period.minTransactionNumber ? 0 : cents;
  expectThat(
    shown.payableCents === payable,
    'law',
    () => `${who}: ${shown.payableCents} of ${cents} cents are payable`,
  );
}

async function checkCitizen({ engine, auditor }: Checked, citizen: CitizenKey): Promise<void> {
  const held = auditor.citizen(citizen);
  const who = short(citizen);
  const wallet = await engine.wallet(citizen);
  if (held.enrolment === 0) return expectThat(!wallet.ok, 'replayed', () => `${who} has a wallet and never enrolled`);
  if (!wallet.ok) throw new Violation('replayed', `${who} has no wallet: ${wallet.code}`);
  const { enabled, termsMs, methods } = wallet.value;
  const isEnabled = held.isEnrolled && !held.isExcluded;
  expectThat(enabled === isEnabled && termsMs === held.termsMs, 'replayed', () => {
    return `${who} is ${enabled} since ${termsMs}, on disk ${isEnabled} since ${held.termsMs}`;
  });
  const cards = methods.filter(({ cashback }) => cashback === 'enabled').map(({ hpan }) => hpan);
  expectThat(isSame([...cards].sort(), [...held.enabled].sort()), 'replayed', () => {
    return `${who} has ${cards.map(short)}, on disk ${[...held.enabled].map(short)}`;
  });
  const periods = visiblePeriods(engine.programme);
  await Promise.all(periods.map((period) => checkTotal({ engine, auditor }, citizen, period)));
}

async function checkTotal(
  { engine, auditor }: Pick<Checked, 'engine' | 'auditor'>,
  citizen: CitizenKey,
  period: PeriodParameters,
): Promise<void> {
  const { awardPeriodId } = period;
  const now = auditor.citizen(citizen).seen.at(-1)!;
  const who = `${short(citizen)} in period ${awardPeriodId}`;
  const total = await engine.total(citizen, awardPeriodId);
  if (!total.ok) throw new Violation('replayed', `${who} has no total: ${total.code}`);
  expectSeen(total.value, period, [now], who);
  const page = await engine.payments(citizen, { awardPeriodId, limit: 100 });
  if (!page.ok) throw new Violation('replayed', `${who} has no payments: ${page.code}`);
  const { payments } = page.value;
  const { rawCents, lineCount } = now.totals.get(awardPeriodId) ?? NO_TOTAL;
  const sumCents = payments.reduce((sum, { cashbackCents }) => sum + cashbackCents, 0);
  expectThat(payments.length === Math.min(100, lineCount), 'replayed', () => {
    return `${who} has ${payments.length} payments, on disk ${lineCount}`;
  });
  expectThat(lineCount > 100 || sumCents === rawCents, 'recomputed', () => {
    return `${who} has payments of ${sumCents} cents, and a total of ${rawCents}`;
  });
}

async function checkRanking(checked: Checked, period: PeriodParameters): Promise<void> {
  const { engine, auditor, citizens } = checked;
  const { awardPeriodId, minPosition, minTransactionNumber } = period;
  const names = new Map([...citizens].map(([name, citizen]) => [citizen, name]));
  const places = auditor.ranking(awardPeriodId, (citizen) => PEOPLE.get(names.get(citizen)!)!);
  const isTie = places.some((one, at) => at > 0 && isEqual(one, places[at - 1]!));
  if (isTie) checked.scheduler.meet('citizens tied down to the tax code');
  const page = await engine.rankingPage(awardPeriodId, 1, 100);
  if (!page.ok) throw new Violation('replayed', `period ${awardPeriodId} has no ranking: ${page.code}`);
  const shown = page.value.map(({ citizen, transactionNumber, lastTrxMs }) => [citizen, transactionNumber, lastTrxMs]);
  const expected = places.map(({ citizen, count, lastTrxMs }) => [citizen, count, lastTrxMs]);
  expectThat(isSame(shown, expected), 'recomputed', () => {
    return `period ${awardPeriodId} is ranked ${JSON.stringify(shown)}, not ${JSON.stringify(expected)}`;
  });
  const checkRank = async (citizen: CitizenKey) => {
    const read = await engine.rankings(citizen, awardPeriodId);
    if (!read.ok) throw new Violation('replayed', `${short(citizen)} has no rank: ${read.code}`);
    const [view] = read.value;
    const own: Total | undefined = auditor.citizen(citizen).seen.at(-1)!.totals.get(awardPeriodId);
    const takesPart = (own?.ranked ?? null) !== null;
    const rank = takesPart ? places.findIndex((one) => one.citizen === citizen) + 1 : places.length + 1;
    const wouldWin = takesPart && rank <= minPosition && own!.count >= minTransactionNumber;
    const { ranking, totalParticipants, wouldWin: isTold } = view!;
    expectThat(ranking === rank && totalParticipants === places.length && isTold === wouldWin, 'recomputed', () => {
      return `${short(citizen)} is told ${JSON.stringify(view)}, stands at ${rank} of ${places.length}`;
    });
  };
  await Promise.all([...citizens.values()].map(checkRank));
}

function isEqual(left: Standing, right: Standing): boolean {
  return left.count === right.count && left.lastTrxMs === right.lastTrxMs && left.termsMs === right.termsMs;
}

async function checkCard({ engine, auditor, citizens }: Checked, hpan: string): Promise<void> {
  const { status, owner } = auditor.card(hpan);
  const checkHolder = async (citizen: CitizenKey) => {
    const read = await engine.instrument(citizen, hpan);
    const isActive = read.ok && read.value.status === 'ACTIVE';
    const isOwner = status !== 'free' && owner === citizen;
    expectThat(isActive === isOwner, 'recomputed', () => {
      return `${short(citizen)} is told ${JSON.stringify(read)} of card ${short(hpan)}, ${status} of ${short(owner)}`;
    });
  };
  await Promise.all([...citizens.values()].map(checkHolder));
}

/** I1, I2 and I5, by the question that a client may ask. */
async function checkOutcome(
  { engine, auditor, requests }: Checked,
  command: WalletCommand,
  text: string,
): Promise<void> {
  const { citizen, origin, id } = command;
  const held = auditor.command(citizen, commandKey(origin, id));
  const read = await engine.outcome(citizen, origin, id);
  if (!read.ok) throw new Violation('ended', `${text} has no outcome: ${read.code}`);
  const { value } = read;
  if (value.state === 'done') {
    expectThat(held !== undefined && isSame(held.answer, value.answer), 'acknowledged', () => `${text} is told done`);
  } else {
    expectThat(value.state === 'not-done', 'liveness', () => `${text} is ${value.state} and nothing is under way`);
    expectThat(held === undefined, 'acknowledged', () => `${text} is told not done, and is`);
  }
  const mayBe = held === undefined || requests.mayBeDone(command);
  expectThat(mayBe, 'refused', () => `${text} is done, and nobody was told anything but no`);
}
