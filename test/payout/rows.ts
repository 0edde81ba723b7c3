/** Transfers to write, files to write them into, and a look at the memory that it takes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makeIban, makeTaxCode } from '../../engine/index.ts';
import type { PayoutRow } from '../../server/payout/index.ts';
import type { Random } from '../support/random.ts';
import { instant } from '../support/world.ts';

/** G40: the first semester of 2021, record 123. */
export function rowOf(fields: Partial<PayoutRow> = {}): PayoutRow {
  return {
    id: 123,
    citizenTaxCode: makeTaxCode(1),
    accountHolderCF: makeTaxCode(1),
    accountHolderName: 'Maria',
    accountHolderSurname: 'Rossi',
    iban: makeIban(1),
    checkStatus: 'OK',
    technicalAccountHolder: null,
    issuerCardId: null,
    awardPeriodId: 2,
    startDay: '2021-01-01',
    endDay: '2021-06-30',
    cashbackCents: 15_000,
    jackpotCents: 150_000,
    ticketId: null,
    relatedId: null,
    updateMs: 0,
    ...fields,
  };
}

const NAMES = ['Maria', 'Niccolò', 'José-María', "D'Angelo", 'Łukasz', 'De Rosa', 'Ďuro', '«Ω»', 'Anna & Co.'] as const;

/** One without faults. */
export function randomRow(random: Random, id: number): PayoutRow {
  const isTechnical = random.below(4) === 0;
  const citizenTaxCode = makeTaxCode(random.below(1_000_000));
  return rowOf({
    id,
    citizenTaxCode,
    accountHolderCF: random.below(3) === 0 ? makeTaxCode(random.below(1_000_000)) : citizenTaxCode,
    accountHolderName: random.pick(NAMES),
    accountHolderSurname: random.pick(['', ...NAMES]),
    iban: makeIban(random.below(1_000_000)),
    checkStatus: random.pick(['OK', 'UNKNOWN_PSP']),
    technicalAccountHolder: isTechnical ? random.pick(['Banca Uno S.p.A.', 'Pagamenti “Più” S.r.l.']) : null,
    issuerCardId: random.below(2) === 0 ? `C${random.below(1_000_000)}` : null,
    awardPeriodId: random.below(100),
    cashbackCents: 1 + random.below(15_000),
    jackpotCents: random.pick([0, 150_000]),
    ticketId: random.pick([null, '9007199254740993']),
    relatedId: random.pick([null, 1, 999_999_999]),
  });
}

export function pagesOf(rows: readonly PayoutRow[], rowCount: number): readonly (readonly PayoutRow[])[] {
  const pageCount = Math.ceil(rows.length / rowCount);
  return Array.from({ length: pageCount }, (_, page) => rows.slice(page * rowCount, (page + 1) * rowCount));
}

/** Rising ids from 1. */
export function randomRows(random: Random, count: number): PayoutRow[] {
  return Array.from({ length: count }, (_, index) => randomRow(random, index + 1));
}

export async function* stream<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** 04:00:00 in Rome of the day on which the winners of that semester are sent (domain 3.4). */
export const CLOCK = { nowMs: () => instant('2021-07-16T04:00:00+02:00') };

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is alive: objects and buffers. */
export function aliveBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
