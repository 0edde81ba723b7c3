/**
 * Independent verification of a data folder (promises 4, 5 and 6): folds archive and journal with an account of its
 * own, judges every accepted record again by the programme, and compares with rows, rankings and carried totals.
 *
 * It shares the decoding of records and the law (engine/programme) with the engine, and nothing else: not the fold,
 * not the machines, not the ranking. It reads the journals once for as many partitions as fit into memory, notes the
 * facts of each wallet and card, and then folds one after the other; the rest is left to another pass. What wallets and
 * cards say of each other is weighed, not kept (balance.ts). Besides, 36 bytes for each place in a ranking stay.
 */
import { existsSync } from 'node:fs';
import type { Programme } from '../engine/contract.ts';
import { StorageFault, type Store } from '../engine/ports.ts';
import { findPeriod, Law } from '../engine/programme/index.ts';
import { Ranking } from '../engine/ranking/ranking.ts';
import { Account } from './inspect/account.ts';
import { Balance } from './inspect/balance.ts';
import { Covers } from './inspect/covers.ts';
import { checkFiles } from './inspect/files.ts';
import { Findings, type Inspection } from './inspect/findings.ts';
import { LogGroup } from './inspect/log-group.ts';
import { type CheckParts, PartitionCheck } from './inspect/partition-check.ts';
import { Jackpots } from './inspect/payouts.ts';
import { ALL_PARTITIONS } from './inspect/rows.ts';
import {
  digestOfRanking,
  type HeldRanking,
  type Move,
  type Order,
  RankingCheck,
  Standings,
} from './inspect/standings.ts';
import { SuspectCheck } from './inspect/suspect-check.ts';
import { openTaxCodes } from './inspect/tax-codes.ts';
import { type History, inTimeOrder } from './inspect/walk.ts';
import { openPersistence } from './lmdb/persistence.ts';
import type { PastJournal, Persistence } from './persistence.ts';

export type { Checked, Inspection } from './inspect/findings.ts';
export type { HeldRanking } from './inspect/standings.ts';

export interface VerifyOptions {
  /** For noted facts: what more there is of them is left to another pass. One partition's fit, whatever it says. */
  readonly memoryBytes?: number | undefined;
  /** What stores before these ones journaled. */
  readonly past?: readonly PastJournal[];
}

/** What else a process takes is a few hundred megabytes. */
const VERIFY_MEMORY_BYTES = 1_024 * 1_048_576;

/**
 * Verifies stores at rest: nobody may append or write rows meanwhile.
 *
 * @param firstProgramme as the journal begins with it; the first pass goes on with its newer versions
 * @param rankings held elsewhere, to be compared with a plain sort of the same participants
 */
export async function verifyStores(
  stores: readonly Store[],
  firstProgramme: Programme,
  rankings: readonly HeldRanking[] = [],
  options: VerifyOptions = {},
): Promise<Inspection> {
  const findings = new Findings();
  const programme = new Law(firstProgramme);
  const account = new Account(programme, findings);
  const moves = rankings.map(({ awardPeriodId, vector }) =>
    vector === null ? [] : account.movesAfter(awardPeriodId, vector),
  );
  for (const store of stores) expectRows(account, store, findings);

  const [balance, standings, jackpots, busy] = [
    new Balance(programme.abuseRule),
    new Standings(),
    new Jackpots(),
    new Set<string>(),
  ];
  const { past = [] } = options;
  const { partitions } = account;
  const covers = new Covers();
  const parts: CheckParts = {
    ...{ stores, past, programme, findings, balance, standings, jackpots, covers, partitions, busy },
  };
  for (let left = ALL_PARTITIONS, isFirst = true; left.length > 0; isFirst = false) {
    const group = new LogGroup(left, options.memoryBytes ?? VERIFY_MEMORY_BYTES);
    await breathing(isFirst ? firstPass(account, group, parts) : laterPass(group, parts));
    if (isFirst) for (const hpan of account.post.busyCards()) busy.add(hpan);
    for (const log of group.take()) await breathing(new PartitionCheck(log, parts).run());
    left = group.putOff;
  }

  checkFiles(partitions, findings);
  await checkSuspects(parts);
  covers.check(findings);
  await checkRankings(account, standings, { rankings, moves, stores, past, jackpots, programme }, findings);
  return findings.inspection();
}

function* firstPass(account: Account, group: LogGroup, parts: CheckParts): Generator<void> {
  for (const step of inTimeOrder(parts, parts.findings)) {
    account.apply(step);
    group.add(step);
    yield;
  }
  account.finish();
}

/** What the journals say of themselves was said at the first. */
function* laterPass(group: LogGroup, history: History): Generator<void> {
  for (const step of inTimeOrder(history, new Findings())) {
    group.add(step);
    yield;
  }
}

/** Cards that are looked at closely at once: these are objects again, with all their citizens. */
const SUSPECT_CARDS = 20_000;

async function checkSuspects({ balance, busy, findings, ...parts }: CheckParts): Promise<void> {
  const suspects = [...balance.suspects()];
  const cardsInScale = Math.max(1, findings.inspection().checked.cards / balance.scaleCount);
  const scaleCount = Math.ceil(SUSPECT_CARDS / cardsInScale);
  for (let at = 0; at < suspects.length && !findings.isFull; at += scaleCount) {
    const scales = suspects.slice(at, at + scaleCount);
    await breathing(new SuspectCheck(scales, { ...parts, findings, busy }).run());
  }
}

/**
 * Verifies a data folder that no engine has open.
 *
 * @throws StorageFault FOLDER_MISSING; FOLDER_IN_USE while one has it; whatever else keeps a folder from being opened
 */
export async function verifyFolder(folder: string, options: VerifyOptions = {}): Promise<Inspection> {
  // Opening would make one, and an empty folder is always sound.
  if (!existsSync(folder)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${folder}`);
  const persistence = await openPersistence({ folder, keepsFormat: true });
  try {
    return await verifyPersistence(persistence, options);
  } finally {
    await persistence.close();
  }
}

/** Verifies what a persistence holds, by the programme that its journal names. */
export async function verifyPersistence(
  persistence: Pick<Persistence, 'stores' | 'past' | 'loadRanking'>,
  options: VerifyOptions = {},
): Promise<Inspection> {
  const { stores, past } = persistence;
  const programme = journaledProgramme([...past, ...stores]);
  if (programme === null) return withoutProgramme(stores);
  const periods = new Map([...programme.periods, ...newestPeriods(stores)].map((one) => [one.awardPeriodId, one]));
  // Nobody stands in a suspended one, and no start looks at what was saved of it: what it is worth, nobody has to know.
  const awardPeriodIds = [...periods.values()].flatMap((one) => (one.isSuspended ? [] : [one.awardPeriodId]));
  const rankings = awardPeriodIds.flatMap((awardPeriodId) => savedRanking(persistence, awardPeriodId));
  return verifyStores(stores, programme, rankings, { past, ...options });
}

/** Lets a server that verifies its own stopped store answer in between. */
const STEPS_PER_BREATH = 1_000;

async function breathing<T>(steps: Generator<void, T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (count % STEPS_PER_BREATH === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

function expectRows(account: Account, store: Store, findings: Findings): void {
  try {
    account.expectRows(store);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    findings.differ(`rows of a partition cannot be read: ${fault.code}, ${fault.message}`);
  }
}

interface RankingParts extends History {
  readonly rankings: readonly HeldRanking[];
  /** For each of the rankings. */
  readonly moves: readonly (readonly Move[])[];
  readonly jackpots: Jackpots;
  readonly programme: Programme;
}

async function checkRankings(
  account: Account,
  standings: Standings,
  { rankings, moves, jackpots, programme, ...history }: RankingParts,
  findings: Findings,
): Promise<void> {
  const ties = account.partitions.flatMap((partition) => partition.ties);
  const frozen = account.partitions[0]?.frozenRankings ?? [];
  const orders = new Map<number, Order>();
  for (const { awardPeriodId } of [...rankings, ...frozen]) {
    if (!orders.has(awardPeriodId)) orders.set(awardPeriodId, standings.order(awardPeriodId));
  }
  const tied = new Set([...ties.flat(), ...[...orders.values()].flatMap((order) => [...order.tied()])]);
  const taxCodes = await breathing(openTaxCodes(tied, history));
  const check = new RankingCheck(ties, findings);
  check.checkTies(taxCodes);
  for (const order of orders.values()) check.breakTies(order, taxCodes);

  for (const [index, ranking] of rankings.entries()) {
    const { awardPeriodId, vector } = ranking;
    if (vector === null || account.reaches(vector)) {
      check.compare(ranking, orders.get(awardPeriodId)!, moves[index] ?? []);
    } else findings.differ(`ranking of period ${awardPeriodId}: is of a moment that no journal reaches`);
  }
  checkFrozen(account, orders, findings);
  for (const { awardPeriodId } of frozen) {
    const period = findPeriod(programme, awardPeriodId);
    if (period !== null) jackpots.check(orders.get(awardPeriodId)!, period, findings);
  }
}

/** A frozen ranking was taken when all partitions had frozen their standings, and its digest is of those. */
function checkFrozen(account: Account, orders: ReadonlyMap<number, Order>, findings: Findings): void {
  const { frozenRankings = [], store = null } = account.partitions[0] ?? {};
  for (const { awardPeriodId, vector, participants, digest } of frozenRankings) {
    const subject = `frozen ranking of period ${awardPeriodId}`;
    findings.count('rankings');
    const order = orders.get(awardPeriodId)!;
    findings.expect(`${subject}: participants`, order.size, participants);
    if (store !== null) {
      const digestOf = (text: string) => store.vault.digest(text);
      findings.expect(`${subject}: digest`, digestOfRanking(order, digestOf), digest);
    }
    for (const { partition, frozen } of account.partitions) {
      const sequence = frozen.get(awardPeriodId);
      if (sequence === undefined) findings.differ(`${subject}: partition ${partition} has not frozen the period`);
      else if ((vector[partition] ?? 0) < sequence) {
        findings.differ(`${subject}: taken at ${partition}:${vector[partition]}, before ${partition}:${sequence}`);
      }
    }
  }
}

/** The programme is the first thing that partition 0 ever journals. */
function journaledProgramme(stores: readonly Pick<PastJournal, 'journal'>[]): Programme | null {
  for (const { journal } of stores) {
    const [first] = journal.read(1);
    for (const { facts } of first?.sections ?? []) {
      for (const fact of facts) if (fact.kind === 'programmeSet') return JSON.parse(fact.json) as Programme;
    }
  }
  return null;
}

/** As the row of partition 0 says: what is saved of them is looked at, whatever else there is to say of the row. */
function newestPeriods(stores: readonly Store[]): Programme['periods'] {
  try {
    const json = stores[0]?.rows.get('partition', 0, '', '')?.value.programme?.json;
    return json === undefined ? [] : (JSON.parse(json) as Programme).periods;
  } catch (fault) {
    if (fault instanceof StorageFault) return [];
    throw fault;
  }
}

function withoutProgramme(stores: readonly Store[]): Inspection {
  const findings = new Findings();
  const isEmpty = stores.every(({ journal }) => journal.lastSequence === 0);
  if (!isEmpty) findings.differ('the first record of no journal names a programme');
  return findings.inspection();
}

/** Read when it is compared: all of them at once would be more than anything else that is held. */
function savedRanking(persistence: Pick<Persistence, 'loadRanking'>, awardPeriodId: number): readonly HeldRanking[] {
  const saved = persistence.loadRanking(awardPeriodId);
  if (saved === null) return [];
  const { chunks, vector } = saved;
  const participants = {
    [Symbol.iterator]: () => Ranking.fromChunks(chunks, () => 0).entries(),
  };
  return [{ awardPeriodId, vector, participants }];
}
