// Method: a real server is killed with SIGKILL while it is in the middle of a file, started again and sent the file again;
// what the day's account says was accepted must be what the engine says it has counted, and the folder must be sound.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isoText, makeTaxCode } from '../../engine/index.ts';
import type { Reconciliation } from '../../server/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';

const CITIZENS = 50;
const ROWS = 40_000;
const PAID_MS = Date.parse('2021-02-11T08:00:00+01:00');
const NOW = '2021-02-12T10:00:00+01:00';
const FILE = 'CSTAR.36081.TRNLOG.20210212.100000.001.csv';
const hpanOf = (member: number) => ((member * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').repeat(8);

let programs: Programs;
let server: RunningServer;
let path: string;

beforeAll(async () => {
  programs = new Programs();
  path = join(programs.folder, FILE);
  server = await programs.serve('data', '--now', '2021-02-10T10:00:00+01:00', '--speed', '0', '--shards', '2');
  const issuer = await server.client('issuer', '12345');
  for (let member = 0; member < CITIZENS; member += 1) {
    const taxCode = makeTaxCode(member);
    expect(await issuer.change('enrol', { taxCode })).toMatchObject({ ok: true });
    expect(await issuer.change('enableCashback', { taxCode, hpan: hpanOf(member) })).toMatchObject({ ok: true });
  }
  issuer.close();
  await server.setClock(NOW);
});
afterAll(() => programs.close());

/** Every tenth row is of a card that somebody has enabled, every hundredth is nonsense. */
function line(at: number): string {
  if (at % 100 === 99) return `nonsense;${at}`;
  const hpan = at % 10 === 0 ? hpanOf((at / 10) % CITIZENS) : 'f'.repeat(64);
  return `36081;00;01;${hpan};${isoText(PAID_MS + at)};ARN${at};;;100;978;09509;M1;T1;999900;5411`;
}

const ingest = () => programs.run('ingest', path, '--url', server.url, '--data', server.folder, '--json');

/** Of today, which the server’s clock knows. */
async function account(): Promise<Reconciliation> {
  const words = ['reconciliation', '--acquirer', '36081', '--json'];
  const { code, out, err } = await programs.run(...words, '--url', server.url, '--data', server.folder);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
}

test('after kill -9 in the middle of a file, and the file again, each row is accounted for and none counts twice', async () => {
  writeFileSync(path, Array.from({ length: ROWS }, (_, at) => line(at)).join('\n'));
  const first = ingest();
  const token = await server.token('operator', 'anna');
  const seen = async () => {
    const { body } = await server.call(token, '/admin/reconciliation?day=2021-02-12');
    return (body as Reconciliation).files[0]?.accepted.rows ?? 0;
  };
  while ((await seen()) === 0);
  await server.killAll();
  expect((await first).code).toBe(1);
  server = await programs.serve('data', '--now', NOW, '--speed', '0');

  const [cut] = (await account()).files;
  expect(cut).toMatchObject({ state: 'unfinished', file: FILE });
  expect(cut!.rows).toBe(cut!.accepted.rows);
  expect(cut!.rows).toBeGreaterThan(0);
  expect((await server.counters()).paymentsListed).toBe(cut!.accepted.rows);

  expect((await ingest()).code).toBe(0);
  expect((await ingest()).code).toBe(0);
  const { files, acquirers } = await account();
  const counted = ROWS / 10;
  const left = { rows: counted - cut!.rows, cents: 100 * (counted - cut!.rows) };
  expect(files).toMatchObject([
    { state: 'unfinished', accepted: cut!.accepted },
    {
      ...{ state: 'done', rows: ROWS, accepted: left, repeated: { rows: cut!.rows, cents: 100 * cut!.rows } },
      ...{ dropped: { rows: ROWS - counted - ROWS / 100 }, rejected: { rows: ROWS / 100, cents: 0 } },
    },
    { state: 'done', rows: ROWS, accepted: { rows: 0 }, dropped: { rows: 0 }, repeated: { rows: ROWS } },
  ]);
  expect(acquirers).toMatchObject([{ rows: 2 * ROWS + cut!.rows, accepted: { rows: counted, cents: 100 * counted } }]);
  expect((await server.counters()).paymentsListed).toBe(counted);
});

test('the bad lines are there once, also after the kill, and an operator dismisses one', async () => {
  const run = (...words: readonly string[]) =>
    programs.run('errors', ...words, '--url', server.url, '--data', server.folder, '--operator', 'anna');
  const listed = JSON.parse((await run('list', '--json')).out) as {
    readonly errors: readonly { readonly id: string; readonly line: number }[];
    readonly unkeptCount: number;
  };
  expect(listed.errors.map((one) => one.line)).toEqual(Array.from({ length: ROWS / 100 }, (_, at) => 100 * at + 100));
  const { id } = listed.errors[0]!;
  expect(await run('resubmit', id)).toMatchObject({ code: 1, err: expect.stringContaining('WRONG_COLUMNS') });
  const { out } = await run('dismiss', id, '--reason', 'non serve');
  expect(out).toBe(`dismissed: line 100 of ${FILE}, by anna\n`);
  expect((await run('list', '--file', FILE)).out.split('\n').length).toBeGreaterThan(ROWS / 100 - 1);
  expect((await run('dismiss', id)).code).toBe(2);
});

test('the folder is sound', async () => {
  expect(await server.stop()).toBe(0);
  const { code, out } = await programs.run('verify', '--data', server.folder, '--json');
  expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 0, differences: [], checked: { files: 3 } });
});
