// Method: the story of December 2020 through the real programs, on one shard and on three: a circuit delivers after the grace,
// an operator opens Christmas again for its file, and everything is killed in between; then a semester is suspended and the
// programme replaced. What the verbs print is compared, and `verify` judges the folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { italy2020, makeTaxCode, type Programme } from '../../engine/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';

const LATE = 'CSTAR.36081.TRNLOG.20210120.100000.001.csv';
const OTHER = 'CSTAR.36081.TRNLOG.20210120.100000.002.csv';
const ANNA = makeTaxCode(1);
const HPAN = '7'.repeat(64);

let programs: Programs;
beforeAll(() => {
  programs = new Programs();
});
afterAll(() => programs.close());

/** Two payments are enough for a refund at Christmas. */
function programme(): Programme {
  const { periods, ...italy } = italy2020();
  return { ...italy, periods: [{ ...periods[0]!, minTransactionNumber: 2 }, ...periods.slice(1)] };
}

function writeProgramme(name: string, content: unknown): string {
  const file = join(programs.folder, name);
  writeFileSync(file, JSON.stringify(content));
  return file;
}

/** An acquirer's file, over its own address. @returns how many of its rows counted */
async function upload(server: RunningServer, name: string, ids: readonly string[]): Promise<number> {
  const row = (id: string) =>
    `36081;00;01;${HPAN};2020-12-18T10:00:00.000+01:00;${id};;;10000;978;09509;M1;T1;999900;5411\n`;
  const headers = { accept: 'application/json' };
  const call = { method: 'POST', body: ids.map(row).join(''), headers };
  const { body, text } = await server.call(await server.token('acquirer', '36081'), `/rtd/files/${name}`, call);
  expect(body, text).toMatchObject({ rows: ids.length });
  return (body as { readonly counted: number }).counted;
}

describe.each([1, 3])('on %i shards', (shards) => {
  const file = () => join(programs.folder, 'christmas.json');
  const serve = (now: string) =>
    programs.serve(`on-${shards}`, '--now', now, '--shards', String(shards), '--programme', file());
  const to = ({ url, folder }: RunningServer) => ['--url', url, '--data', folder];
  const period = (server: RunningServer, ...words: readonly string[]) =>
    programs.run('period', ...words, '--operator', 'ada', ...to(server));

  test('late files count when an operator says so, whatever dies, and the programme goes on in versions', async () => {
    writeProgramme('christmas.json', programme());
    let server = await serve('2020-12-07T10:00:00+01:00');
    const citizen = await server.token('citizen', ANNA);
    expect((await server.call(citizen, '/bpd/io/citizen/v2', { method: 'PUT' })).status).toBe(200);
    expect((await server.call(citizen, `/bpd/io/payment-instruments/${HPAN}`, { method: 'PUT' })).status).toBe(200);
    await server.setClock('2020-12-20T10:00:00+01:00');
    expect(await upload(server, 'CSTAR.36081.TRNLOG.20201220.100000.001.csv', ['P1'])).toBe(1);

    await server.setClock('2021-01-20T10:00:00+01:00');
    expect(await upload(server, LATE, ['P2', 'P3'])).toBe(0);
    const until = '2021-01-25T00:00:00+01:00';
    const reopen = ['reopen', LATE, '--period=1', `--until=${until}`, '--reason=late by the circuit'];
    const opened = expect.stringMatching(
      /^period 1: CLOSED, open for late files until Mon 25 Jan 2021 00:00\n.*reopen 1, 1 file: by ada, since: late by the circuit\n$/,
    );
    // The engine looks at the time once a second, and only then the period closes for the first time.
    let first = await period(server, ...reopen);
    while (first.err.includes('PERIOD_NOT_FROZEN')) first = await period(server, ...reopen);
    expect(first, first.err).toMatchObject({ code: 0, out: opened });
    await server.killAll();
    server = await serve('2021-01-20T10:10:00+01:00');
    const post = async (path: string, body?: object) => {
      const { status, body: answer } = await server.call(await server.token('operator', 'ada'), path, {
        ...{ method: 'POST' },
        ...(body === undefined ? {} : { body }),
      });
      return { status, ...(answer as object) };
    };
    const pay = () => post('/bpd/notification-manager/winners?awardPeriodId=1');
    expect(await upload(server, OTHER, ['P4'])).toBe(0);
    expect(await upload(server, LATE, ['P2', 'P3'])).toBe(2);
    expect(await upload(server, LATE, ['P2', 'P3'])).toBe(0);
    expect(await pay()).toMatchObject({ status: 409, name: 'PERIOD_REOPENED' });
    expect(await post('/admin/periods/close', { awardPeriodId: 1, reason: 'all is there' })).toMatchObject({
      status: 200,
    });
    expect(await post('/admin/periods/suspend', { awardPeriodId: 4, reason: 'no law for it' })).toMatchObject({
      status: 200,
    });

    const read = async () => (await server.call(await server.token('operator', 'ada'), '/admin/programme')).body;
    const { programme: inForce } = (await read()) as { readonly programme: Programme };
    const next = { ...inForce.periods[3]!, awardPeriodId: 5, isSuspended: false, startDay: '2022-03-01' };
    const version = { ...inForce, periods: [...inForce.periods, next] };
    const newer = writeProgramme(`newer-${shards}.json`, version);
    const replace = ['programme', 'replace', newer, '--reason', 'a shorter one', '--operator', 'ada', ...to(server)];
    const replaced = await programs.run(...replace);
    expect(replaced, replaced.err).toMatchObject({ code: 0, out: expect.stringMatching(/5 +2022-03-01 +2022-06-30/) });
    await server.killAll();
    server = await serve('2021-01-20T10:20:00+01:00');
    expect(await read()).toMatchObject({ programme: version });
    expect(await upload(server, LATE, ['P5'])).toBe(0);
    let paid = await pay();
    while (paid.status === 409) paid = await pay();
    expect(paid).toMatchObject({ recordCount: 1, totalCents: 30_00 });
    expect(await period(server, ...reopen)).toMatchObject({ code: 1, err: expect.stringContaining('PERIOD_PAID') });
    const listed = await period(server, 'list');
    expect(listed.out).toMatch(/4 +2022-01-01 +2022-06-30 +15 days +SUSPENDED/);
    expect(listed.out.match(/: by ada, since: /g)).toHaveLength(3);
    expect(await server.stop()).toBe(0);
    const verified = await programs.run('verify', '--data', server.folder);
    expect(verified, verified.out).toMatchObject({ code: 0 });
  });
});

test('a programme file is checked without a server, and what is wrong with it is named', async () => {
  const { periods, ...rest } = italy2020();
  const bad = { ...rest, periods: [{ ...periods[0]!, graceDays: -1 }] };
  writeFileSync(join(programs.folder, 'broken.json'), '{');
  const files = [writeProgramme('good.json', italy2020()), writeProgramme('bad.json', bad), 'broken.json'];
  expect(await Promise.all(files.map((file) => programs.run('programme', 'check', file)))).toMatchObject([
    { code: 0, out: expect.stringContaining('Cashback di Stato: a good programme') },
    { code: 1, err: expect.stringContaining('periods[0].graceDays is not an integer from 0 to 3653') },
    { code: 1, err: expect.stringContaining('broken.json: is not JSON') },
  ]);
  const mistakes = [
    [['programme', 'check', 'nowhere.json'], 'nowhere.json cannot be read'],
    [['period', 'open'], 'there is no step "open"'],
    [['period', 'suspend', '--period', '4'], 'why?'],
    [['period', 'reopen', '--period', '1', '--reason', 'x'], 'for which files?'],
    [['period', 'reopen', LATE, '--period', '1', '--reason', 'x'], 'until when?'],
  ] as const;
  const ended = await Promise.all(mistakes.map(([words]) => programs.run(...words)));
  for (const [at, [, said]] of mistakes.entries()) {
    expect(ended[at], said).toMatchObject({ code: 2, err: expect.stringContaining(said) });
  }
});
