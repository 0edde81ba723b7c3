// Method: the compiled programs are started, asked, killed and stopped on real folders and ports, as an operator would;
// exit codes, what they print, and what is still there afterwards are compared.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClickdayClient, ClientFault } from '../../client/sdk/index.ts';
import { isoText, makeTaxCode } from '../../engine/index.ts';
import { readConfiguration } from '../../server/config.ts';
import { freePort, Programs, type RunningServer } from '../support/programs.ts';
import { Supervised } from '../support/supervised.ts';

const ANNA = makeTaxCode(1);
const NOW = '2020-12-07T10:00:00+01:00';
const hpan = (number: number) => number.toString(16).padStart(64, `${number % 10}`);
const commandId = (number: number) => number.toString(16).padStart(32, '0');

let programs: Programs;
beforeAll(() => {
  programs = new Programs();
});
afterAll(async () => {
  await Supervised.stopAll();
  await programs.close();
});

const folderOf = (data: string) => join(programs.folder, data);

describe('a server', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await programs.serve('main', '--now', NOW, '--speed', '0', '--shards', '2');
  });

  test('says where it listens and what it serves', async () => {
    expect(server.starts).toMatchObject([
      { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), shardCount: 2, isNew: true },
    ]);
    expect((await server.call('', '/ready')).body).toEqual({ ready: true });
  });

  test('takes the tokens that `token` prints, which prints nothing else', async () => {
    const { code, out, err } = await programs.run(
      ...['token', '--data', server.folder, '--role', 'citizen', '--subject', ANNA],
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(await server.call(out.trim(), '/bpd/io/citizen/v2', { method: 'PUT' })).toMatchObject({ status: 200 });
  });

  test('fault 76: a second engine on its folder is refused at once, and harms nothing', async () => {
    const before = await server.counters();
    const refused = await programs.run('serve', '--data', server.folder, '--port', '0');
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^clickday: another engine .*stop it first$/m),
    });
    expect(refused.out).toBe('');
    expect(await server.counters()).toEqual(before);
  });

  test('a port in use is told in one line, with what to do', async () => {
    const port = new URL(server.url).port;
    for (const transport of ['uws', 'ws']) {
      const refused = await programs.run('serve', '--data', 'elsewhere', '--port', port, '--transport', transport);
      expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringContaining(`port ${port}`) });
      expect(refused.err.trim().split('\n')).toHaveLength(1);
      expect(refused.err).toContain('--port');
    }
  });

  test('started with --now lets an operator move its clock on, and nobody back', async () => {
    expect(await server.setClock('2020-12-07T11:00:00+01:00')).toMatchObject({ status: 200 });
    expect(await server.setClock('2020-12-07T10:59:59+01:00')).toMatchObject({
      status: 409,
      body: { name: 'CLOCK_BACKWARDS' },
    });
    const citizen = await server.token('citizen', ANNA);
    const asked = { method: 'POST', body: { now: '2020-12-08T00:00:00+01:00' } };
    expect(await server.call(citizen, '/admin/clock', asked)).toMatchObject({ status: 403 });
    expect((await server.counters()).nowMs).toBe(Date.parse('2020-12-07T11:00:00+01:00'));
  });
});

describe('a list of pages that may connect', () => {
  test('fault 58: turns others away, and a token that came without a page; programs say who they are in a header', async () => {
    const origins = 'https://cashback.example https://app.example';
    const server = await Supervised.start({
      ...{ folder: folderOf('listed'), now: NOW, transport: 'ws', environment: { CLICKDAY_ORIGINS: origins } },
    });
    await expect(server.client('citizen', ANNA)).rejects.toThrow(ClientFault);
    const sent = await programs.run('send', 'enrol', '--as', ANNA, '--url', server.url, '--data', folderOf('listed'));
    expect(sent).toMatchObject({ code: 0 });
    expect(await server.stop()).toBe(0);
  });

  test.each(['cashback.example', 'https://cashback.example/app', '*'])('of %s is none', (origins) => {
    const read = () => readConfiguration('{"data":"d","port":0}', { CLICKDAY_ORIGINS: origins });
    expect(read).toThrow(/CLICKDAY_ORIGINS names pages/);
  });
});

describe('tokens on an empty folder', () => {
  test('made twice at once have one key, which the server then accepts', async () => {
    const make = (subject: number) =>
      programs.run('token', '--data', folderOf('empty'), '--role', 'citizen', '--subject', makeTaxCode(subject));
    const made = await Promise.all([make(1), make(2)]);
    const server = await programs.serve('empty');
    for (const { code, out } of made) {
      expect(code).toBe(0);
      expect(await server.call(out.trim(), '/bpd/io/citizen/v2', { method: 'PUT' })).toMatchObject({ status: 200 });
    }
    // Without --now it follows real time, and its clock is nobody's to set.
    expect(await server.setClock('2199-01-01T00:00:00Z')).toMatchObject({
      status: 409,
      body: { name: 'CLOCK_NOT_SETTABLE' },
    });
    expect(await server.stop()).toBe(0);
  });
});

describe('a configuration that cannot be', () => {
  const LAST = '2021-02-11T12:00:00+01:00';

  beforeAll(async () => {
    const server = await programs.serve('past', '--now', LAST, '--speed', '0', '--shards', '2');
    const client = await server.client('citizen', ANNA);
    expect(await client.change('enrol', {})).toMatchObject({ ok: true });
    client.close();
    expect(await server.stop()).toBe(0);
  });

  test.each([
    ['another number of shards', ['--shards', '3', '--now', LAST], /2 stores .*3: start with --shards 2/],
    ['another programme', ['--programme', 'demonstration', '--now', LAST], /programme/i],
    [
      'DECISION 34: a clock before the last journaled instant',
      ['--now', isoText(Date.parse(LAST) - 2_000), '--speed', '0'],
      new RegExp(`${isoText(Date.parse(LAST) - 2_000)}.* until ${isoText(Date.parse(LAST))}: start with --now`),
    ],
    ['an unknown transport', ['--transport', 'pigeon'], /transport.*(uws|ws)/i],
  ])('%s is refused with exit code 2, in one line that says what to do', async (_name, words, message) => {
    const refused = await programs.run('serve', '--data', folderOf('past'), '--port', '0', ...words);
    expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
    expect(refused.err.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect(refused.err).not.toMatch(/\n\s+at /);
  });

  test('leaves the folder as it was: it opens as before', async () => {
    const server = await programs.serve('past', '--now', LAST, '--speed', '0');
    expect((await server.counters()).citizensEnabled).toBe(1);
    expect(await server.stop()).toBe(0);
    expect(await programs.run('verify', '--data', folderOf('past'))).toMatchObject({ code: 0 });
  });

  test('of a folder that is not there makes none', async () => {
    expect(await programs.run('verify', '--data', folderOf('nowhere'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('nowhere'),
    });
    expect(existsSync(folderOf('nowhere'))).toBe(false);
  });
});

describe('live pushes', () => {
  test('reach one device when another acts, and everybody whose rank a payment moves', {
    timeout: 30_000,
  }, async () => {
    const server = await programs.serve('pushes', '--now', NOW, '--speed', '0');
    const [phone, tablet, acquirer] = await Promise.all([
      server.client('citizen', ANNA),
      server.client('citizen', ANNA),
      server.client('acquirer', '36081'),
    ]);
    const pushes = new Pushes();
    expect(await phone.change('enrol', {})).toMatchObject({ ok: true });
    await phone.subscribe(['wallet', 'rank'], (push) => pushes.hear(push));
    expect(await tablet.change('enableCashback', { hpan: hpan(1) })).toMatchObject({ ok: true });
    await pushes.until('wallet', (view) => JSON.stringify(view).includes('"enabled"'));

    await server.setClock('2020-12-08T12:00:00+01:00');
    const row = {
      ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: hpan(1) },
      ...{ trxDate: '2020-12-08T11:00:00.000+01:00', idTrxAcquirer: 'A1', amountCents: 4_500 },
      ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
    };
    expect(await acquirer.read('recordPayments', { rows: [row] })).toMatchObject({
      view: { outcomes: [{ status: 'counted', scoreCents: 450 }] },
    });
    await pushes.until('rank', (view) => /"ranking":1,.*"transactionNumber":1/.test(JSON.stringify(view)));
    await pushes.until('wallet', (view) => JSON.stringify(view).includes('"shownCents":450'));
    for (const client of [phone, tablet, acquirer]) client.close();
    expect(await server.stop()).toBe(0);
  });
});

interface Push {
  readonly push: string;
  readonly view: unknown;
}

class Pushes {
  readonly #heard: Push[] = [];
  #wake: () => void = () => {};

  hear(push: Push): void {
    this.#heard.push(push);
    this.#wake();
  }

  /** Resolves with the first push of the topic that is as wanted; the test's own time limit ends the waiting. */
  async until(topic: string, isWanted: (view: unknown) => boolean): Promise<void> {
    while (!this.#heard.some(({ push, view }) => push === topic && isWanted(view))) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

describe('an engine that dies or stops', () => {
  test('fault 17: killed under load, it is started again, and clients go on with nothing lost', async () => {
    const port = await freePort();
    const server = await programs.serve('killed', '--now', NOW, '--speed', '0', '--port', String(port));
    const client = await server.client('citizen', ANNA);
    await client.change('enrol', {});
    const cards = Array.from({ length: 12 }, (_, index) => hpan(index + 1));
    const enabled = cards.map((card, index) => client.change('enableCashback', { hpan: card }, commandId(index)));
    await enabled[2];
    server.killEngine();
    for (const reply of await Promise.all(enabled)) expect(reply).toMatchObject({ ok: true });
    await server.whenReady(2);
    expect(server.errors).toContain('the engine died (SIGKILL): starting it again');

    const outcomes = await Promise.all(cards.map((_, index) => client.read('outcome', { id: commandId(index) })));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: true, view: { state: 'done' } });
    expect(await server.counters()).toMatchObject({ citizensEnabled: 1, cardsActive: cards.length });
    client.close();
    expect(await server.stop()).toBe(0);
  });

  test('fault 17: a simulated clock goes on where the dead engine had it, also when an operator had moved it', async () => {
    const port = await freePort();
    const server = await programs.serve('resumed', '--now', NOW, '--speed', '3600', '--port', String(port));
    const moved = '2020-12-20T10:00:00+01:00';
    expect(await server.setClock(moved)).toMatchObject({ status: 200 });
    const client = await server.client('citizen', ANNA);
    expect(await client.change('enrol', {})).toMatchObject({ ok: true });
    server.killEngine();
    await server.whenReady(2);
    expect((await server.counters()).nowMs).toBeGreaterThanOrEqual(Date.parse(moved));
    expect(await client.read('wallet', {})).toMatchObject({ ok: true, view: { enabled: true } });
    client.close();
    expect(await server.stop()).toBe(0);
  });

  test('fault 22: SIGTERM under load answers all that was taken in, and ends with 0', async () => {
    const server = await programs.serve('stopped', '--now', NOW, '--speed', '0');
    const clients = await Promise.all(CROWD.map((index) => server.client('citizen', taxCodeOf(index))));
    const load = new Load(200);
    const stories = Promise.all(clients.map((client, index) => load.tell(client, index)));
    await load.isThere;
    expect(await server.stop()).toBe(0);
    for (const client of clients) client.close();
    const told = await stories;

    const again = await programs.serve('stopped', '--now', NOW, '--speed', '0');
    for (const [index, { promised, unanswered }] of told.entries()) {
      const client = await again.client('citizen', taxCodeOf(index));
      const outcomes = await Promise.all(promised.map((id) => client.read('outcome', { id })));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ view: { state: 'done' } });
      // What was not answered was not taken in either: nobody is left in doubt.
      expect(await client.read('outcome', { id: unanswered })).toMatchObject({ view: { state: 'not-done' } });
      client.close();
    }
    expect(await again.stop()).toBe(0);
    expect(await programs.run('verify', '--data', again.folder)).toMatchObject({ code: 0 });
  });
});

const CROWD = Array.from({ length: 20 }, (_, index) => index);
const taxCodeOf = (index: number) => makeTaxCode(100 + index);

interface Story {
  readonly promised: readonly string[];
  /** The command on which the connection ended. */
  readonly unanswered: string;
}

/** Citizens who go on until nobody answers. */
class Load {
  /** Resolves when that many commands were answered. */
  readonly isThere: Promise<void>;
  #left: number;
  #reached: () => void = () => {};

  constructor(count: number) {
    this.#left = count;
    this.isThere = new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  async tell(client: ClickdayClient, index: number): Promise<Story> {
    const promised: string[] = [];
    for (;;) {
      const id = commandId(10_000 * (index + 1) + promised.length);
      try {
        expect(await this.#next(client, index, promised.length, id)).toMatchObject({ ok: true, repeated: false });
      } catch (error) {
        if (!(error instanceof ClientFault)) throw error;
        return { promised, unanswered: id };
      }
      promised.push(id);
      this.#left -= 1;
      if (this.#left === 0) this.#reached();
    }
  }

  #next(client: ClickdayClient, index: number, step: number, id: string) {
    if (step === 0) return client.change('enrol', {}, id);
    return client.change(step % 2 === 1 ? 'enableCashback' : 'disableCashback', { hpan: hpan(index) }, id);
  }
}
