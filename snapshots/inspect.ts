/**
 * Independent verification of a data folder (promises 4, 5 and 6): folds archive and journal with an account of its
 * own, judges every accepted record again by the programme, and compares with rows, rankings and carried totals.
 *
 * It shares the decoding of records and the law (engine/programme) with the engine, and nothing else: not the fold,
 * not the machines, not the ranking. All of it is held in memory, about 2 kB for a citizen with a card and a payment.
 */
import { existsSync } from 'node:fs';
import type { Programme } from '../engine/contract.ts';
import { StorageFault, type Store } from '../engine/ports.ts';
import { Ranking } from '../engine/ranking/ranking.ts';
import { Account } from './inspect/account.ts';
import { Agreement } from './inspect/agreement.ts';
import { Findings, type Inspection } from './inspect/findings.ts';
import { type HeldRanking, type Move, Standings } from './inspect/standings.ts';
import { inTimeOrder } from './inspect/walk.ts';
import { openPersistence } from './lmdb/persistence.ts';
import type { Persistence } from './persistence.ts';

export type { Checked, Inspection } from './inspect/findings.ts';
export type { HeldRanking } from './inspect/standings.ts';

/**
 * Verifies stores at rest: nobody may append or write rows meanwhile.
 *
 * @param rankings held elsewhere, to be compared with a plain sort of the same participants
 */
export async function verifyStores(
  stores: readonly Store[],
  programme: Programme,
  rankings: readonly HeldRanking[] = [],
): Promise<Inspection> {
  const findings = new Findings();
  const account = new Account(programme, findings);
  const moves = rankings.map(({ awardPeriodId, vector }) =>
    vector === null ? [] : account.movesAfter(awardPeriodId, vector),
  );
  for (const store of stores) expectRows(account, store, findings);
  let steps = 0;
  for (const step of inTimeOrder(stores, findings)) {
    account.apply(step);
    steps += 1;
    if (steps % STEPS_PER_BREATH === 0) await breathe();
  }

  account.post.finish();
  new Agreement(account, findings).check();
  account.compareRows(stores);
  checkRankings(account, rankings, moves, findings);
  return findings.inspection();
}

/**
 * Verifies a data folder that no engine has open.
 *
 * @throws StorageFault FOLDER_MISSING; FOLDER_IN_USE while one has it; whatever else keeps a folder from being opened
 */
export async function verifyFolder(folder: string): Promise<Inspection> {
  // Opening would make one, and an empty folder is always sound.
  if (!existsSync(folder)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${folder}`);
  const persistence = await openPersistence({ folder });
  try {
    return await verifyPersistence(persistence);
  } finally {
    await persistence.close();
  }
}

/** Verifies what a persistence holds, by the programme that its journal names. */
export async function verifyPersistence(persistence: Persistence): Promise<Inspection> {
  const programme = journaledProgramme(persistence.stores);
  if (programme === null) return withoutProgramme(persistence.stores);
  const findings = new Findings();
  const rankings = programme.periods.flatMap(({ awardPeriodId }) => savedRanking(persistence, awardPeriodId, findings));
  const inspection = await verifyStores(persistence.stores, programme, rankings);
  const { differences } = findings.inspection();
  return {
    ...inspection,
    ok: inspection.ok && differences.length === 0,
    differences: [...inspection.differences, ...differences],
  };
}

/** Lets a server that verifies its own stopped store answer in between. */
const STEPS_PER_BREATH = 1_000;

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function expectRows(account: Account, store: Store, findings: Findings): void {
  try {
    account.expectRows(store);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    findings.differ(`rows of a partition cannot be read: ${fault.code}, ${fault.message}`);
  }
}

function checkRankings(
  account: Account,
  rankings: readonly HeldRanking[],
  moves: readonly (readonly Move[])[],
  findings: Findings,
): void {
  const ties = account.partitions.flatMap((partition) => partition.ties);
  const standings = new Standings(ties, (partition) => account.partitions[partition]?.store?.vault, findings);
  for (const [first, second] of ties) standings.checkTie(account.citizen(first), account.citizen(second));

  for (const [index, ranking] of rankings.entries()) {
    const { awardPeriodId, vector } = ranking;
    if (vector === null || account.reaches(vector)) {
      standings.compare(ranking, account.participants(awardPeriodId), moves[index] ?? []);
    } else findings.differ(`ranking of period ${awardPeriodId}: is of a moment that no journal reaches`);
  }
  checkFrozen(account, standings, findings);
}

/** A frozen ranking was taken when all partitions had frozen their standings, and its digest is of those. */
function checkFrozen(account: Account, standings: Standings, findings: Findings): void {
  const { frozenRankings = [], store = null } = account.partitions[0] ?? {};
  for (const { awardPeriodId, vector, participants, digest } of frozenRankings) {
    const subject = `frozen ranking of period ${awardPeriodId}`;
    findings.count('rankings');
    const expected = account.participants(awardPeriodId);
    findings.expect(`${subject}: participants`, expected.length, participants);
    if (store !== null) {
      const digestOf = (text: string) => store.vault.digest(text);
      findings.expect(`${subject}: digest`, standings.digest(expected, digestOf), digest);
    }
    for (const { partition, frozen } of account.partitions) {
      const sequence = frozen.get(awardPeriodId)?.sequence;
      if (sequence === undefined) findings.differ(`${subject}: partition ${partition} has not frozen the period`);
      else if ((vector[partition] ?? 0) < sequence) {
        findings.differ(`${subject}: taken at ${partition}:${vector[partition]}, before ${partition}:${sequence}`);
      }
    }
  }
}

/** The programme is the first thing that partition 0 ever journals. */
function journaledProgramme(stores: readonly Store[]): Programme | null {
  for (const { journal } of stores) {
    const [first] = journal.read(1);
    for (const { facts } of first?.sections ?? []) {
      for (const fact of facts) if (fact.kind === 'programmeSet') return JSON.parse(fact.json) as Programme;
    }
  }
  return null;
}

function withoutProgramme(stores: readonly Store[]): Inspection {
  const findings = new Findings();
  const isEmpty = stores.every(({ journal }) => journal.lastSequence === 0);
  if (!isEmpty) findings.differ('the first record of no journal names a programme');
  return findings.inspection();
}

function savedRanking(persistence: Persistence, awardPeriodId: number, findings: Findings): readonly HeldRanking[] {
  const saved = persistence.loadRanking(awardPeriodId);
  if (saved === null) return [];
  try {
    const ranking = Ranking.fromChunks(saved.chunks, () => 0);
    return [{ awardPeriodId, vector: saved.vector, participants: ranking.entries() }];
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    findings.differ(`saved ranking of period ${awardPeriodId}: ${fault.code}, ${fault.message}`);
    return [];
  }
}
