// Method: G34 in small, through the real programs: two thousand citizens, a programme file with 1,999 winners, an acquirer
// file in seeded order. Every rank is compared with a plain sort; then the folder is stopped, killed and tampered with.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClickdayClient } from '../../client/sdk/index.ts';
import { isoText, italy2020, makeTaxCode, PARTITION_COUNT, type RankingView } from '../../engine/index.ts';
import type { RowChange } from '../../engine/ports.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';
import { Random, seed } from '../support/random.ts';

const CITIZENS = 2_000;
const WINNERS = CITIZENS - 1;
const PERIOD = 2;
const ENROLLED = '2021-02-10T10:00:00+01:00';
const PAID_MS = Date.parse('2021-02-11T08:00:00+01:00');
const RECEIVED = '2021-02-12T10:00:00+01:00';
const FILE = 'CSTAR.36081.TRNLOG.20210212.100000.001.csv';
const COUNTERS = ['citizensEnabled', 'cardsActive', 'paymentsListed', 'commandsDone'] as const;

interface Payment {
  readonly member: number;
  readonly trxMs: number;
  readonly amountCents: number;
}

const random = new Random(seed);
const PAYMENTS = invent();
const hpanOf = (member: number) => ((member * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').repeat(8);

/** One to three payments each, every one at an instant of its own. */
function invent(): readonly Payment[] {
  const members = Array.from({ length: CITIZENS }, (_, member) => member);
  const payers = random.shuffle(members.flatMap((member) => new Array(1 + (member % 3)).fill(member) as number[]));
  return payers.map((member, at) => ({ member, trxMs: PAID_MS + at * 7, amountCents: 1 + random.below(20_000) }));
}

function line({ member, trxMs, amountCents }: Payment): string {
  const id = `ARN${member}T${trxMs}`;
  return `36081;00;01;${hpanOf(member)};${isoText(trxMs)};${id};;;${amountCents};978;09509;M1;T1;999900;5411`;
}

const GOOD = line({ member: 0, trxMs: PAID_MS - 1, amountCents: 100 });

/** Rows that do not count, with what the outcome file says of each. */
const BAD_ROWS: readonly (readonly [row: string, outcome: string])[] = [
  [line(PAYMENTS[0]!), 'rejected;DUPLICATE_RECORD;'],
  [GOOD.replace(hpanOf(0), 'f'.repeat(64)), 'dropped;INSTRUMENT_NOT_COVERED;'],
  ['a;row;of;five;columns', 'rejected;WRONG_COLUMNS;5 columns'],
  [`${GOOD};par;more`, 'rejected;WRONG_COLUMNS;17 columns'],
  [GOOD.replace(';100;', ';45.00;'), 'rejected;AMOUNT_INVALID;amountCents'],
  [GOOD.replace(';100;', ';-100;'), 'rejected;AMOUNT_INVALID;amountCents'],
  [GOOD.replace(';100;', ';0;'), 'rejected;AMOUNT_INVALID;amountCents'],
  [GOOD.replace(';978;', ';840;'), 'rejected;CURRENCY_INVALID;amountCurrency'],
  [GOOD.replace(isoText(PAID_MS - 1), '11/02/2021 08:00'), 'rejected;DATE_INVALID;trxDate'],
  [GOOD.replace(';00;01;', ';0;01;'), 'rejected;FIELD_INVALID;operationType'],
  [GOOD.replace(';00;01;', ';00;VISA;'), 'rejected;FIELD_INVALID;circuitType'],
  [GOOD.replace(';M1;', ';;'), 'rejected;FIELD_INVALID;merchantId'],
  [GOOD.replace(';999900;', ';9999;'), 'rejected;FIELD_INVALID;bin'],
  [GOOD.replace('36081;', '123456789012345678901;'), 'rejected;FIELD_INVALID;acquirerCode'],
  [GOOD.replace('36081;00;01', '36081;00;06'), 'rejected;SENDER_NOT_ALLOWED;circuitType'],
  [GOOD.replace(';5411', ';6011'), 'rejected;CATEGORY_EXCLUDED;mcc'],
  [GOOD.replace(hpanOf(0), '9999000000000001'), 'rejected;FIELD_INVALID;hpan'],
];

let programs: Programs;
let server: RunningServer;
let issuer: ClickdayClient;
let path: string;

beforeAll(async () => {
  programs = new Programs();
  const italy = italy2020();
  const programme = {
    ...italy,
    circuitSenders: { '06': ['12345'] },
    periods: italy.periods.map((period) =>
      period.awardPeriodId === PERIOD ? { ...period, minPosition: WINNERS, minTransactionNumber: 1 } : period,
    ),
  };
  writeFileSync(join(programs.folder, 'programme.json'), JSON.stringify(programme));
  path = join(programs.folder, FILE);
  writeFileSync(path, `${[...random.shuffle(PAYMENTS.map(line)), ...BAD_ROWS.map(([row]) => row)].join('\n')}\n`);
  server = await programs.serve('data', '--programme', 'programme.json', '--now', ENROLLED, '--speed', '0');
  issuer = await server.client('issuer', '12345');
});

afterAll(async () => {
  issuer.close();
  await programs.close();
});

const everybody = <T>(act: (taxCode: string, member: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CITIZENS }, (_, member) => act(makeTaxCode(member), member)));

async function counters() {
  const all = await server.counters();
  return Object.fromEntries(COUNTERS.map((name) => [name, all[name]]));
}

async function rankings(): Promise<readonly RankingView[]> {
  return everybody(async (taxCode) => {
    const reply = await issuer.read('ranking', { taxCode, awardPeriodId: PERIOD });
    if (!reply.ok) throw new Error(reply.code);
    return reply.view[0]!;
  });
}

const ingest = () => programs.run('ingest', path, '--url', server.url, '--data', server.folder, '--json');

test('an acquirer file of thousands of rows is counted, and its outcome names every other row', async () => {
  await everybody(async (taxCode) => expect(await issuer.change('enrol', { taxCode })).toMatchObject({ ok: true }));
  await everybody(async (taxCode, member) =>
    expect(await issuer.change('enableCashback', { taxCode, hpan: hpanOf(member) })).toMatchObject({ ok: true }),
  );
  await server.setClock(RECEIVED);

  const { code, out, err } = await ingest();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toMatchObject([
    { file: FILE, summary: { rows: PAYMENTS.length + BAD_ROWS.length, counted: PAYMENTS.length, dropped: 1 } },
  ]);
  const listed = BAD_ROWS.map(([, outcome], at) => `${PAYMENTS.length + at + 1};${outcome}`);
  expect(readFileSync(`${path}.outcome.csv`, 'utf8')).toBe(`${['line;status;code;detail', ...listed].join('\n')}\n`);
  expect(await counters()).toMatchObject({ citizensEnabled: CITIZENS, paymentsListed: PAYMENTS.length });
});

test('G34: every rank is that of a plain sort, and the last one of all wins nothing', async () => {
  const found = await rankings();
  const members = new Map<number, { count: number; lastMs: number }>();
  for (const { member, trxMs } of PAYMENTS) {
    const { count = 0, lastMs = 0 } = members.get(member) ?? {};
    members.set(member, { count: count + 1, lastMs: Math.max(lastMs, trxMs) });
  }
  const order = [...members].sort(([, a], [, b]) => b.count - a.count || a.lastMs - b.lastMs);
  for (const [above, [member, { count }]] of order.entries()) {
    expect(found[member], `seed=${seed} member=${member}`).toMatchObject({
      ranking: above + 1,
      transactionNumber: count,
      totalParticipants: CITIZENS,
      minPosition: WINNERS,
      wouldWin: above < WINNERS,
      jackpotCents: above < WINNERS ? 150_000 : 0,
    });
  }
  expect(found.filter(({ wouldWin }) => wouldWin)).toHaveLength(WINNERS);
});

test('sent again, the file changes nothing', async () => {
  const [before, ranksBefore] = [await counters(), await rankings()];
  const { code, out } = await ingest();
  expect(code).toBe(0);
  const [{ summary }] = JSON.parse(out);
  expect(summary).toMatchObject({ counted: 0, codes: { DUPLICATE_RECORD: PAYMENTS.length + 1 } });
  expect(await counters()).toEqual(before);
  expect((await rankings()).map(({ ranking }) => ranking)).toEqual(ranksBefore.map(({ ranking }) => ranking));
});

test('verify finds the folder sound after kill -9 and after a stop, and nothing is lost', async () => {
  const before = await counters();
  await server.killAll();
  issuer.close();
  expect(await verify()).toMatchObject({ code: 0, inspection: { ok: true, differences: [] } });
  server = await programs.serve('data', '--now', RECEIVED, '--speed', '0');
  expect(await counters()).toEqual(before);
  expect(await server.stop()).toBe(0);
  const { code, inspection } = await verify();
  expect(code).toBe(0);
  expect(inspection).toMatchObject({ ok: true, differences: [] });
});

test('verify says what differs in a folder that somebody has changed, with exit code 1', async () => {
  await plant();
  const { code, inspection } = await verify();
  expect(code).toBe(1);
  expect(inspection.differences).toEqual([
    expect.stringMatching(/^wallet row .* \.totals \.0 \.rawCents: expected \d+, found \d+$/),
    expect.stringMatching(/^payment row .*: missing, although the checkpoint covers/),
  ]);
});

async function verify() {
  const { code, out } = await programs.run('verify', '--data', server.folder, '--json');
  return { code, inspection: JSON.parse(out) as { readonly ok: boolean; readonly differences: readonly string[] } };
}

/** One total higher than was earned, one payment gone, as only who writes to the files can do it. */
async function plant(): Promise<void> {
  const persistence = await openPersistence({ folder: server.folder });
  const { rows } = persistence.stores[0]!;
  const [wallet, payment] = [first('wallet'), first('payment')];
  if (wallet.value === null) throw new Error('a row that was read is there');
  const totals = wallet.value.totals.map((each) => ({ ...each, rawCents: each.rawCents + 1 }));
  await rows.write([
    { ...wallet, value: { ...wallet.value, totals } },
    { ...payment, value: null },
  ]);
  await persistence.close();

  function first<T extends 'wallet' | 'payment'>(table: T): Extract<RowChange, { address: { table: T } }> {
    for (let partition = 0; partition < PARTITION_COUNT; partition += persistence.shardCount) {
      for (const [address, row] of rows.scan(table, partition)) {
        return { address: { ...address, table }, ...row } as unknown as Extract<RowChange, { address: { table: T } }>;
      }
    }
    throw new Error(`no ${table} row in the first store`);
  }
}
