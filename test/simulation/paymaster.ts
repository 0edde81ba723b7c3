/**
 * Who pays closed periods while everything dies: orders, files and outcomes, also those that make no sense. What was
 * acknowledged must hold for ever; whether each record is what the law owes, the inspector says at the end.
 */
import type { CitizenKey, Engine, PayoutChange, PayoutOutcome, PayoutView } from '../../engine/index.ts';
import { APP_CHANNEL, makeIban, PAYOUT_RESULTS } from '../../engine/index.ts';
import { PEOPLE } from '../model/walk.ts';
import { Random } from '../support/random.ts';
import { expectThat, Violation } from './fault.ts';
import { isSame } from './requests.ts';
import type { Scheduler } from './scheduler.ts';

const FILES = 3;

export class Paymaster {
  /** Its own: what others draw does not depend on it. */
  readonly #random: Random;
  readonly #complaints: Random;
  readonly #areComplaints: boolean;
  readonly #scheduler: Scheduler;
  readonly #sent = new Set<number>();
  readonly #outcomes = new Map<number, PayoutOutcome>();
  /** By name. */
  readonly #citizens: ReadonlyMap<string, CitizenKey>;
  #ids = 0;

  constructor(seed: number, scheduler: Scheduler, citizens: ReadonlyMap<string, CitizenKey>) {
    this.#random = new Random(seed + 0x7a9);
    this.#complaints = new Random(seed + 0xc0a5);
    // In some worlds only: many records that nobody sends leave few that are sent, and sent again.
    this.#areComplaints = seed % 4 === 0;
    this.#scheduler = scheduler;
    this.#citizens = citizens;
  }

  /** One thing, about a period that may be frozen or not. */
  async act(engine: Engine, awardPeriodId: number): Promise<void> {
    if (this.#areComplaints && this.#complaints.below(4) === 0) await this.#complain(engine, awardPeriodId);
    const dice = this.#random.below(8);
    if (dice < 2) return this.#make(engine, awardPeriodId);
    if (dice < 5) return this.#sayIban(engine);
    const filter = this.#random.pick(['all', 'exportable', 'wip'] as const);
    const [payout] = this.#random.shuffle(await payoutsOf(engine, awardPeriodId, filter));
    if (payout === undefined) return;
    const changes = this.#changesOf(payout);
    const replies = await engine.changePayouts(changes);
    for (const [at, reply] of replies.entries()) if (reply.ok) this.#remember(changes[at]!);
  }

  /** Consap pays, or fails to: what runs grant from then on is less by it. */
  async #complain(engine: Engine, awardPeriodId: number): Promise<void> {
    const random = this.#complaints;
    const [, citizen] = random.pick([...this.#citizens]);
    const holder = { accountHolderCF: '', accountHolderName: 'A', accountHolderSurname: 'B' };
    const outcome = { result: random.pick(PAYOUT_RESULTS), reason: '', cro: '', executionDay: '' };
    const reply = await engine.integratePayout({
      ...{ citizen, awardPeriodId, account: { iban: makeIban(3), ...holder }, outcome, relatedId: null },
      ...{ consapId: 'C', ticketId: String(random.below(40)) },
      ...{ cashbackCents: random.below(600), jackpotCents: random.below(6) === 0 ? 1_000 : 0 },
    });
    if (reply.ok && outcome.result === 'ORDINE ESEGUITO') this.#scheduler.meet('a complaint paid');
  }

  async #make(engine: Engine, awardPeriodId: number): Promise<void> {
    const fundsCents = this.#random.below(2) === 0 ? null : this.#random.below(3_000);
    const made = await engine.makePayouts(awardPeriodId, fundsCents);
    if (made.ok && made.value.recordCount > 0) this.#scheduler.meet('payout records made');
    if (made.ok && made.value.cut !== null) this.#scheduler.meet('refunds cut in proportion');
  }

  /** Few put it off once they are to be paid. */
  #sayIban(engine: Engine): Promise<void> {
    const [name, citizen] = this.#random.pick([...this.#citizens]);
    this.#ids += 1;
    const holder = { accountHolderCF: '', accountHolderName: 'A', accountHolderSurname: 'B' };
    const iban = makeIban(this.#random.below(3));
    return new Promise((resolve) => {
      engine.execute(
        {
          ...{ citizen, taxCode: PEOPLE.get(name)! },
          origin: { role: 'citizen', subject: citizen, channel: APP_CHANNEL },
          id: `ffff${this.#ids.toString(16).padStart(28, '0')}`,
          body: { kind: 'setIban', iban, ...holder },
        },
        () => resolve(),
      );
    });
  }

  #changesOf({ id, updateMs }: PayoutView): readonly PayoutChange[] {
    const random = this.#random;
    const fileNumber = 1 + random.below(FILES);
    const said = { reason: '', cro: String(random.below(2)), executionDay: '' };
    const outcome = { ...said, result: random.pick(PAYOUT_RESULTS) };
    const all: readonly PayoutChange[] = [
      { kind: 'export', id, fileNumber, updateMs },
      { kind: 'restore', id, fileNumber, status: random.pick(['NEW', 'RECOVERY', 'SENT']) },
      { kind: 'deliver', id, fileNumber },
      { kind: 'outcome', id, outcome },
    ];
    return all.filter(() => random.below(3) > 0);
  }

  #remember(change: PayoutChange): void {
    if (change.kind === 'deliver') this.#sent.add(change.id);
    if (change.kind !== 'outcome') return;
    this.#outcomes.set(change.id, change.outcome);
    if (change.outcome.result !== 'ORDINE ESEGUITO') this.#scheduler.meet('a transfer failed');
  }

  /** Nobody dies any more: what is owed can be made, and what was acknowledged is there. */
  async finish(engine: Engine, awardPeriodIds: readonly number[]): Promise<void> {
    for (const awardPeriodId of awardPeriodIds) {
      for (const round of ['an order that was cut short', 'another']) {
        const made = await engine.makePayouts(awardPeriodId, null);
        if (!made.ok) throw new Violation('liveness', `period ${awardPeriodId} is not paid, ${round}: ${made.code}`);
      }
      for (const payout of await payoutsOf(engine, awardPeriodId, 'all')) this.#check(payout);
    }
  }

  #check({ id, status, outcome, relatedId }: PayoutView): void {
    const said = this.#outcomes.get(id);
    expectThat(said === undefined || isSame(outcome, said), 'acknowledged', () => `payout ${id} forgets its outcome`);
    expectThat(
      !this.#sent.has(id) || status === 'SENT',
      'acknowledged',
      () => `payout ${id} was sent, and is ${status}`,
    );
    if (relatedId !== null) this.#scheduler.meet('a transfer sent again');
  }
}

async function payoutsOf(
  engine: Engine,
  awardPeriodId: number,
  filter: 'all' | 'exportable' | 'wip',
): Promise<PayoutView[]> {
  const found: PayoutView[] = [];
  for (let cursor: string | null = '0 0'; cursor !== null; ) {
    const page: Awaited<ReturnType<Engine['payouts']>> = await engine.payouts({ awardPeriodId, filter, cursor });
    if (!page.ok) return found;
    found.push(...page.value.payouts);
    cursor = page.value.nextCursor;
  }
  return found;
}
