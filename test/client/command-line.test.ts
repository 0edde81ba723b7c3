// Method: the real programs, compiled and run as a person would run them: a server in a folder of its own, one verb
// after the other against it. What they print and their exit codes are compared.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { panOf, taxCodeOf } from '../../client/replay/documents.ts';
import { type Compiled, compile } from '../support/compiled.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const CITIZEN = taxCodeOf('Rossi', 'Maria', 1);
const PAN = panOf(1, 0);

let compiled: Compiled;
let program: string;
let folder: string;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  compiled = compile('test/client/programs.ts');
  program = join(dirname(compiled.path), '..', '..', 'client', 'cli', 'main.js');
  folder = mkdtempSync(join(tmpdir(), 'clickday-cli-'));
  ({ server, url } = await startServer('--now', '2020-12-07T10:00:00+01:00'));
});

afterAll(async () => {
  await stopServer();
  rmSync(folder, { recursive: true, force: true });
  compiled.remove();
});

async function startServer(
  ...more: readonly string[]
): Promise<{ readonly server: ChildProcess; readonly url: string }> {
  const child = spawn(
    process.execPath,
    [program, 'serve', '--data', join(folder, 'data'), '--port', '0', '--json', ...more],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let out = '';
  for await (const chunk of child.stdout!) {
    out += chunk;
    const found = /"url": "([^"]+)"/.exec(out)?.[1];
    if (found !== undefined && out.trimEnd().endsWith('}')) return { server: child, url: found };
  }
  throw new Error(`the server ended before it was ready: ${out}`);
}

async function stopServer(): Promise<number | null> {
  if (server.exitCode !== null) return server.exitCode;
  const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  return ended;
}

function run(...words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

const send = (...words: readonly string[]) => run('send', '--as', CITIZEN, '--url', url, ...words);

async function answerOf(...words: readonly string[]) {
  const { out, err } = await send('--json', ...words);
  expect(err).toBe('');
  return JSON.parse(out);
}

describe('a person with a terminal', () => {
  test('enrols a citizen, adds a card by its number and enables it', async () => {
    expect(await send('enrol')).toMatchObject({ code: 0, out: expect.stringContaining('enrolled; terms accepted') });
    const added = await answerOf('addMethod', `pan=${PAN}`, 'details.methodKind=card', 'details.brand=VISA');
    const hpan = added.answer.hpan;
    expect(await answerOf('enableCashback', `hpan=${hpan}`)).toMatchObject({ ok: true, repeated: false });
    const wallet = await run('wallet', CITIZEN, '--url', url);
    expect(wallet).toMatchObject({ code: 0, out: expect.stringMatching(/VISA +\d{4} +enabled/) });
    expect(wallet.out).not.toContain(PAN);
  });

  test('the same id again has one effect and the same answer', async () => {
    const id = `id=${createHash('sha256').update('a command').digest('hex').slice(0, 32)}`;
    const iban = ['iban=IT60X0542811101000000123456', `accountHolderCF=${CITIZEN}`];
    const holder = ['accountHolderName=Maria', 'accountHolderSurname=Rossi'];
    const first = await answerOf('setIban', id, ...iban, ...holder);
    const second = await answerOf('setIban', id, ...iban, ...holder);
    expect([first.repeated, second.repeated]).toEqual([false, true]);
    expect(second.answer).toEqual(first.answer);
    expect(await answerOf('outcome', id)).toMatchObject({ view: { state: 'done', answer: first.answer } });
  });

  test('a refusal is told in words, with exit code 1', async () => {
    expect(await send('removeMethod', `hpan=${'0'.repeat(64)}`)).toMatchObject({
      code: 1,
      out: expect.stringContaining('refused, METHOD_NOT_FOUND'),
    });
    expect(
      await send('setIban', 'iban=IT00', `accountHolderCF=${CITIZEN}`, 'accountHolderName=', 'accountHolderSurname='),
    ).toMatchObject({
      code: 1,
      out: expect.stringContaining('IBAN_INVALID'),
    });
  });

  test('sends an acquirer file, finds the outcome beside it, and sees the payment and the rank', async () => {
    const clock = await run('token', '--role', 'operator', '--subject', 'test');
    await fetch(`${url}/admin/clock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${clock.out.trim()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ now: '2020-12-09T02:00:00+01:00' }),
    });
    const { hpan } = JSON.parse((await run('wallet', CITIZEN, '--url', url, '--json')).out).wallet.methods[0];
    const row = (amount: string, id: string) =>
      `36081;00;01;${hpan};2020-12-08T10:00:00.000+01:00;${id};;;${amount};978;09509;400000000001;80205001;999900;5411\n`;
    const file = join(folder, 'CSTAR.36081.TRNLOG.20201209.020000.001.csv');
    writeFileSync(file, row('4500', 'ARN1') + row('wrong', 'ARN2'));

    const sent = await run('ingest', file, '--url', url);
    expect(sent).toMatchObject({ code: 0, out: expect.stringContaining('€ 4.50') });
    expect(sent.out).toContain('kept to be put right: 1 line, see clickday errors list');
    expect(readFileSync(`${file}.outcome.csv`, 'utf8')).toBe(
      'line;status;code;detail\n2;rejected;AMOUNT_INVALID;amountCents\n',
    );
    expect((await run('wallet', CITIZEN, '--url', url)).out).toContain('1 payment, cashback € 4.50');
    expect((await run('ranking', '--top', '3', '--url', url)).out).toMatch(/1 +1 +Tue 8 Dec 2020 10:00/);
  });

  test('sees a reversal in doubt, applies it to a payment, and is told why each of them counts', async () => {
    const { hpan } = JSON.parse((await run('wallet', CITIZEN, '--url', url, '--json')).out).wallet.methods[0];
    const date = '2020-12-08T11:00:00.000+01:00';
    const row = (id: string, operation = '00') =>
      `36081;${operation};01;${hpan};${date};${id};;TWICE;1000;978;09509;400000000001;80205001;999900;5411\n`;
    const file = join(folder, 'CSTAR.36081.TRNLOG.20201209.020000.002.csv');
    writeFileSync(file, row('TWICE1') + row('TWICE2') + row('BACK', '01'));
    expect((await run('ingest', file, '--url', url)).code).toBe(0);

    const operator = (...words: readonly string[]) => run(...words, '--url', url);
    const named = ['--hpan', hpan, '--date', date, '--acquirer', '36081', '--acquirer-id', '09509'];
    expect(await operator('reversals')).toMatchObject({
      ...{ code: 0, out: expect.stringMatching(/REVERSAL_AMBIGUOUS +€ 10\.00 +1 +BACK +2020-12-08T10:00:00\.000Z/) },
    });
    const resolve = ['reversals', 'resolve', ...named, '--id', 'BACK', '--operator', 'carla'];
    const apply = ['--as', 'apply', '--payment', 'TWICE2', '--payment-date', date, '--reason', 'the till says so'];
    const applied = expect.stringMatching(
      /^applied \(apply\), cashback €? ?-.*1\.00: by carla on .*since: the till says so\n$/,
    );
    expect(await operator(...resolve, ...apply)).toMatchObject({ code: 0, out: applied });
    expect(await operator(...resolve, ...apply)).toMatchObject({ code: 0, out: applied });
    expect(await operator(...resolve, '--as', 'discard', '--reason', 'sent twice')).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('REVERSAL_RESOLVED') },
    });
    expect((await operator('reversals')).out).toBe('no reversal is parked\n');
    expect((await operator('why', ...named, '--id', 'TWICE2')).out).toMatch(
      /^counted in period 1, cashback € 1\.00, € 0\.00 of it not reversed\n(.*\n)*reversal: BACK of .*TWICE\n$/,
    );
    expect((await operator('why', ...named, '--id', 'BACK', '--operation', '01')).out).toContain('by carla on');
    expect((await operator('why', ...named, '--id', 'NONE')).out).toMatch(/^never received, or not stored: no guard/);
    const early = named.map((word) => (word === date ? '2020-12-07T11:00:00.000+01:00' : word));
    expect((await operator('why', ...early, '--id', 'NONE')).out).toMatch(
      /INSTRUMENT_NOT_COVERED: .*day 2020-12-07; active/,
    );
    expect(await operator('why', ...named)).toMatchObject({ code: 2, err: expect.stringContaining('--id is missing') });
  });

  test('two operators take a payment out of counting, and put it back', async () => {
    const { hpan } = JSON.parse((await run('wallet', CITIZEN, '--url', url, '--json')).out).wallet.methods[0];
    const date = '2020-12-08T11:00:00.000+01:00';
    const named = ['--hpan', hpan, '--date', date, '--acquirer', '36081', '--acquirer-id', '09509'];
    const operator = (...words: readonly string[]) => run(...words, '--url', url);
    const step = (name: string, operator: string, ...more: readonly string[]) =>
      run('exclusions', name, CITIZEN, '--operator', operator, '--reason', 'seen', ...more, '--url', url);
    const about = [...named, '--id', 'TWICE1'];
    expect(await step('exclude', 'carla', ...about)).toMatchObject({
      ...{ code: 0, out: expect.stringMatching(/^exclude, proposed by carla on .*another operator decides\n$/) },
    });
    expect((await operator('exclusions')).out).toMatch(new RegExp(`${CITIZEN} +exclude +carla +seen +TWICE1`));
    expect(await step('approve', 'carla', ...about)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('SECOND_PERSON_NEEDED') },
    });
    expect((await step('approve', 'dario', ...about)).out).toMatch(
      /^excluded: .*; decided by dario on .*since: seen\n$/,
    );
    expect((await operator('why', ...about)).out).toContain('EXCLUDED');
    expect((await operator('exclusions', '--state', 'lifted')).out).toBe('nothing is lifted\n');
    expect((await step('lift', 'dario', ...about)).code).toBe(0);
    expect((await step('approve', 'carla', ...about)).out).toMatch(/^lifted: /);
    expect((await operator('why', ...about)).out).not.toContain('EXCLUDED');
    expect(await step('forget', 'carla')).toMatchObject({ code: 2, err: expect.stringContaining('no step "forget"') });
  });

  test('a list of device tokens says how many lines had no effect, and where they are named', async () => {
    const file = join(folder, 'TKM.36081.TKNLST.20201209.020000.001.csv');
    writeFileSync(file, `${'f'.repeat(64)};NOBODYS\nno token\n`);
    const { code, out } = await run('ingest', file, '--url', url);
    expect(code).toBe(0);
    expect(out).toContain('2 lines, 0 enabled, 0 known, 1 of nobody, 1 rejected\n');
    expect(out).toContain(`lines of nobody and rejected ones: ${file}.outcome.csv\n`);
    const account = (await run('reconciliation', '--url', url)).out;
    expect(account).toMatch(/36081 +TKM\S+ +2 +0 +1 +1 +0/);
    expect(account).toMatch(/36081 +all tokens of the day +2 +0 +1 +1 +0/);
    expect(account).toMatch(/36081 +all transactions of the day +\d/);
    expect(account).toContain('  36081 tokens rejected WRONG_COLUMNS: 1\n');
  });

  test('a file that is refused whole ends with exit code 1', async () => {
    const file = join(folder, 'payments.csv');
    writeFileSync(file, 'nothing\n');
    expect(await run('ingest', file, '--url', url)).toMatchObject({
      code: 1,
      out: expect.stringContaining('FILE_NAME_INVALID'),
    });
  });

  test('a wrong command line ends with exit code 2 and says what is wrong with it', async () => {
    const mistakes: readonly (readonly [string, readonly string[]])[] = [
      ['USAGE', []],
      ['there is no verb "tokn"', ['tokn']],
      ['there is no option --ulr=x', ['wallet', CITIZEN, '--ulr=x']],
      ['valid tax code', ['token', '--role', 'citizen', '--subject', 'RSSMRA']],
      ['--port is a port', ['serve', '--port', '99999']],
      ['--speed needs --now', ['serve', '--speed', '9']],
      ['there is no file', ['ingest', 'nowhere.csv']],
      ['--memory is a number of megabytes', ['verify', '--memory', '0']],
      ['name=value', ['send', '--as', CITIZEN, 'setIban', 'iban']],
    ];
    const ended = await Promise.all(mistakes.map(([, words]) => run(...words)));
    for (const [index, [message]] of mistakes.entries()) {
      expect(ended[index]).toMatchObject({ code: 2, err: expect.stringContaining(message) });
    }
  });

  test('where nobody answers, says how to start a server', async () => {
    const answer = await run('wallet', CITIZEN, '--url', 'http://127.0.0.1:9');
    expect(answer).toMatchObject({ code: 1, err: expect.stringContaining('start it with: npm start') });
    expect(answer.err).toContain('http://127.0.0.1:9');
  });

  test('every verb explains itself', async () => {
    const verbs = [
      'serve',
      'token',
      'send',
      'wallet',
      'ranking',
      'ingest',
      'reversals',
      'exclusions',
      'why',
      'replay',
      'verify',
      'export',
    ];
    for (const help of await Promise.all(verbs.map((verb) => run(verb, '--help')))) {
      expect(help).toMatchObject({ code: 0, out: expect.stringContaining('--json') });
    }
  });

  test('everything is still there after a stop and a start, and verify finds the folder sound', async () => {
    const before = JSON.parse((await run('wallet', CITIZEN, '--url', url, '--json')).out);
    const ofDatabase = ['verify', '--database', 'store-0/rows'] as const;
    for (const verb of [['verify'], ofDatabase]) {
      expect(await run(...verb)).toMatchObject({ code: 1, err: expect.stringContaining('another engine works') });
    }
    expect(await stopServer()).toBe(0);
    expect(await run(...ofDatabase)).toMatchObject({ code: 0, out: expect.stringMatching(/entries/) });
    expect(await run('verify')).toMatchObject({ code: 0, out: expect.stringContaining('the folder is sound') });
    expect(await run('verify', '--memory', '1', '--json')).toMatchObject({
      code: 0,
      out: (await run('verify', '--json')).out,
    });
    ({ server, url } = await startServer('--now', '2020-12-09T03:00:00+01:00'));
    const after = JSON.parse((await run('wallet', CITIZEN, '--url', url, '--json')).out);
    expect(after.wallet.methods).toEqual(before.wallet.methods);
    expect(after.totals).toEqual(before.totals);
  });

  test('a configuration that the engine refuses is told once, with exit code 2', async () => {
    const refused = await run(
      'serve',
      '--data',
      join(folder, 'other'),
      '--port',
      '0',
      '--programme',
      'no-such-programme',
    );
    expect(refused.code).toBe(2);
    expect(refused.err.match(/no-such-programme/g)).toHaveLength(1);
  });
});

describe('the replay', () => {
  test('plays the click days on a server of its own, and finds everything there', async () => {
    const { code, out, err } = await run('replay', '--scale', '0.01', '--duration', '4', '--json');
    expect(err).not.toContain('died');
    const report = JSON.parse(out);
    expect(report.check).toMatchObject({ differences: [], citizens: report.citizens });
    expect(report.check.commandsAsked).toBeGreaterThan(3 * report.citizens);
    expect(report.check.ranksCompared).toBe(report.citizens);
    expect(report.citizens).toBeGreaterThan(20);
    expect(report.paymentsCounted).toBeGreaterThan(0);
    expect(code).toBe(0);
  });
});
