// Method: the SDK is bundled as for a browser. A page under a strict policy, which comes from another server, uses it in a
// real one, before real engines that are stopped and killed meanwhile; then the journal is asked what each command did.
// Where there is no browser it runs where there is nothing but what browsers have: no `require`, no `process`, no `Buffer`.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { newCommandId } from '../../client/sdk/index.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { pastOfFolder, pastWallet } from '../../snapshots/index.ts';
import { Chromium, hasChromium, type Tab } from '../support/chromium.ts';
import { Supervised } from '../support/supervised.ts';
import { GOOD_TOKEN, startProtocolServer } from './protocol-server.ts';

/** It was 189 kB, not minified, when this was written. */
const BYTES_MAX = 250_000;
const FORMATS = ['msgpack', 'json'] as const;

let code: string;

beforeAll(async () => {
  const bundle = await rolldown({
    input: new URL('../../client/sdk/index.ts', import.meta.url).pathname,
    platform: 'browser',
    onLog: (_, log) => {
      throw new Error(log.message); // Such as an import that no browser can resolve.
    },
  });
  const { output } = await bundle.generate({ format: 'iife', name: 'clickday' });
  expect(output).toHaveLength(1);
  code = output[0].code;
});

test('has nothing that a browser lacks, and is small', () => {
  expect(code).not.toMatch(/\bfrom\s*['"]node:|\brequire\(\s*['"]/);
  expect(code.length).toBeLessThan(BYTES_MAX);
});

test.each(FORMATS)('speaks %s with nothing but what browsers have', async (format) => {
  const server = await startProtocolServer();
  const globals = { WebSocket, URL, TextDecoder, TextEncoder, atob, crypto, performance, setTimeout, clearTimeout };
  const told: unknown = await runInContext(
    `${code}
    (async () => {
      const client = clickday.ClickdayClient.open({ url: '${server.url}', token: '${GOOD_TOKEN}', format: '${format}' });
      const { ok } = await client.change('enrol', {});
      client.close();
      return ok;
    })()`,
    createContext({ ...globals, ArrayBuffer, Uint8Array }),
  );
  expect(told).toBe(true);
  await server.close();
});

describe.runIf(hasChromium())('in Chromium', () => {
  const CITIZENS = [1, 2, 3, 4, 7].map(makeTaxCode);
  const CARD = 'a'.repeat(64);
  const sent = new Map<string, readonly string[]>();
  let folder: string;
  let engines: Supervised;
  let site: Server;
  let chromium: Chromium;

  const startEngines = (now: string, port?: number) => Supervised.start({ folder, now, port });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clickday-browser-'));
    chromium = new Chromium();
    site = createServer(({ url }, response) => {
      const isCode = url === '/sdk.js';
      const policy = `default-src 'none'; script-src 'self'; connect-src ${engines.url.replace('http', 'ws')}`;
      const type = isCode ? 'text/javascript' : 'text/html';
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': policy });
      response.end(isCode ? code : '<!doctype html><script src="sdk.js"></script>');
    }).listen(0, '127.0.0.1');
    [engines] = await Promise.all([startEngines('2020-12-08T10:00:00+01:00'), once(site, 'listening')]);
  });

  afterAll(async () => {
    await chromium.close();
    await Supervised.stopAll();
    site.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The page, with a client in it and a note of whatever that is told. */
  async function live(
    tab: Tab,
    citizen: string,
    format: string,
    outbox = `clickday.storageOutbox(localStorage, '${citizen}')`,
  ): Promise<void> {
    await tab.open(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
    await tab.run(`
      Math.random = () => 0.2; // Of the pauses between two tries: a test has no fleet to think of.
      window.outbox = ${outbox};
      window.client = clickday.ClickdayClient.open({
        ...{ url: '${engines.url}', token: '${await engines.token('citizen', citizen)}', format: '${format}', outbox },
      });
      window.told = { states: [], settled: [], pushes: [] };
      client.onState(({ is }) => told.states.push(is));
      client.onSettled((settled) => told.settled.push(settled));
      window.until = async (isSo) => {
        for (;;) {
          const found = isSo();
          if (found) return found;
          await new Promise((resolve) => setTimeout(resolve));
        }
      };
    `);
  }

  test('in both subprotocols, one in a tab in the background, pushes go on after a kill of the engine', async () => {
    const tabs = await Promise.all(FORMATS.map(() => chromium.tab()));
    const ids = FORMATS.map(() => [newCommandId(), newCommandId(), newCommandId()] as const);
    const inAll = <T>(run: (tab: Tab, index: number) => Promise<T>) => Promise.all(tabs.map(run));
    await inAll((tab, index) => live(tab, CITIZENS[index]!, FORMATS[index]!));
    const wallets = await inAll((tab, index) =>
      tab.run(`
        await client.change('enrol', {}, '${ids[index]![0]}');
        await client.subscribe(['wallet'], (push) => told.pushes.push(push));
        return (await client.read('wallet', {})).view;
      `),
    );
    expect(wallets).toMatchObject(FORMATS.map(() => ({ enabled: true, methods: [] })));
    const cashbacks = (type: string, step: 1 | 2) =>
      inAll((tab, index) =>
        tab.run(`
          const reply = await client.change('${type}', { hpan: '${String(index).repeat(64)}' }, '${ids[index]![step]}');
          const isNew = ({ view }) => view.position.sequence >= reply.position.sequence;
          return (await until(() => told.pushes.find(isNew))).view.methods.map(({ cashback }) => cashback);
        `),
      );
    expect(await cashbacks('enableCashback', 1)).toEqual([['enabled'], ['enabled']]);
    engines.killEngine();
    expect(await cashbacks('disableCashback', 2)).toEqual([['off'], ['off']]);
    for (const tab of tabs) expect(await tab.run('return told.states')).toEqual(['connected', 'stale', 'connected']);
    expect(new Set(await inAll((tab) => tab.run('return document.visibilityState')))).toEqual(
      new Set(['visible', 'hidden']),
    );
    for (const [index, each] of ids.entries()) sent.set(CITIZENS[index]!, each);
    await inAll((tab) => tab.run('client.close()'));
  });

  test('what was asked before the page was reloaded, and before there was a server, is done once', async () => {
    const citizen = CITIZENS[2]!;
    const id = newCommandId();
    const tab = await chromium.tab();
    expect(await engines.stop()).toBe(0);
    await live(tab, citizen, 'json');
    await tab.run(`
      void client.change('enrol', {}, '${id}');
      await until(() => outbox.load().length === 1);
    `);
    await live(tab, citizen, 'msgpack');
    engines = await startEngines('2020-12-08T11:00:00+01:00', Number(new URL(engines.url).port));
    const [settled] = await tab.run<unknown[]>('return until(() => told.settled.length > 0 && told.settled)');
    expect(settled).toMatchObject({ id, type: 'enrol', outcome: { state: 'done' } });
    expect(await tab.run('return localStorage.length')).toBe(0);
    sent.set(citizen, [id]);
  });

  test('what was under way when the page was reloaded is done once, and in order', async () => {
    const citizen = CITIZENS[3]!;
    const ids = Array.from({ length: 8 }, () => newCommandId());
    const tab = await chromium.tab();
    for (const [index, id] of ids.entries()) {
      await live(tab, citizen, FORMATS[index % 2]!);
      const type = index === 0 ? 'enrol' : index % 2 === 0 ? 'disableCashback' : 'enableCashback';
      await tab.run(`
        window.reply = client.change('${type}', { ${index === 0 ? '' : `hpan: '${CARD}'`} }, '${id}');
        await until(() => outbox.load().some(({ id }) => id === '${id}'));
      `);
    }
    expect(await tab.run('return (await reply).ok')).toBe(true);
    sent.set(citizen, ids);
  });

  const databaseOf = (citizen: string) => `clickday.databaseOutbox('clickday ${citizen}')`;

  test('what was kept in a database is done once, although the browser was killed right after it', async () => {
    const citizen = CITIZENS[4]!;
    const ids = [newCommandId(), newCommandId()];
    const before = await chromium.tab();
    expect(await engines.stop()).toBe(0);
    await live(before, citizen, 'json', databaseOf(citizen));
    await before.run(`
      void client.change('enrol', {}, '${ids[0]}');
      void client.change('enableCashback', { hpan: '${'b'.repeat(64)}' }, '${ids[1]}');
      for (;;) if ((await outbox.load()).length === 2) return;
    `);
    chromium = await chromium.killed();
    engines = await startEngines('2020-12-08T12:00:00+01:00', Number(new URL(engines.url).port));
    const after = await chromium.tab();
    await live(after, citizen, 'msgpack', databaseOf(citizen));
    const settled = await after.run<unknown[]>('return until(() => told.settled.length === 2 && told.settled)');
    expect(settled).toMatchObject(ids.map((id) => ({ id, outcome: { state: 'done' } })));
    expect(await after.run('for (;;) if ((await outbox.load()).length === 0) return true;')).toBe(true);
    sent.set(citizen, ids);
  });

  test('a database keeps commands in their order, the same id once, and is left alone where it cannot be read', async () => {
    const tab = await chromium.tab();
    const citizen = makeTaxCode(6);
    await live(tab, citizen, 'json', databaseOf(citizen));
    const kept = await tab.run(`
      client.close();
      const command = (id, untilMs) => ({ id, type: 'enrol', fields: {}, untilMs });
      for (const id of ['c', 'a', 'b', 'd']) await outbox.keep(command(id, 1));
      await outbox.keep(command('a', 2));
      await Promise.all([outbox.done('d'), outbox.done('nobody’s')]);
      return (await outbox.load()).map(({ id, untilMs }) => id + untilMs);
    `);
    expect(kept).toEqual(['c1', 'a2', 'b1']);
    await tab.run(`await outbox.keep({ id: 'e', type: 'of a newer SDK', fields: {}, untilMs: 1 })`);
    await live(tab, citizen, 'json', databaseOf(citizen));
    const fault = "return until(() => client.state.is === 'closed' && client.state.fault.code)";
    expect(await tab.run(fault)).toBe('OUTBOX_UNREADABLE');
  });

  test.each([
    ['localStorage', undefined],
    ['a database', databaseOf(makeTaxCode(5))],
  ])('two tabs lose nothing of each other’s in %s', async (_, outbox) => {
    const tabs = [await chromium.tab(), await chromium.tab()];
    const citizen = makeTaxCode(5);
    for (const tab of tabs) await live(tab, citizen, 'json', outbox);
    const keep = (tab: Tab, index: number) =>
      tab.run(`
        client.close();
        const { port1, port2 } = new MessageChannel();
        for (let number = 0; number < 100; number += 1) {
          await outbox.keep({ id: '${index} ' + number, type: 'enrol', fields: {}, untilMs: 0 });
          await new Promise((resolve) => {
            port1.onmessage = resolve;
            port2.postMessage(null);
          });
        }
      `);
    await Promise.all(tabs.map(keep));
    // What the other tab's process wrote arrives between two tasks.
    const all = `
      while ((await outbox.load()).length < 200) await new Promise((resolve) => setTimeout(resolve));
      return (await outbox.load()).length;
    `;
    for (const tab of tabs) expect(await tab.run(all)).toBe(200);
  });

  test('the page about the status runs under its own policy, and says when the server does not answer', async () => {
    const tab = await chromium.tab();
    await tab.open(`${engines.url}/status.html?lang=it`);
    const until = (isSo: string) => tab.run(`while (!(${isSo})) await new Promise((resolve) => setTimeout(resolve));`);
    const countOfFunctions = `document.querySelectorAll('#functions b').length`;
    await until(`${countOfFunctions} === 7`);
    expect(await engines.stop()).toBe(0);
    await until(`document.querySelector('#summary b').textContent === 'Il server non risponde'`);
    expect(await tab.run(`return [document.querySelector('h1').textContent, ${countOfFunctions}]`)).toEqual([
      'Stato del servizio',
      7,
    ]);
  });

  test('the journal has each command once', async () => {
    await engines.stop();
    expect(sent.size).toBe(CITIZENS.length);
    for (const [citizen, ids] of sent) {
      const { source, close } = await pastOfFolder(folder);
      const { history } = await pastWallet(source, citizen, Number.MAX_SAFE_INTEGER).finally(close);
      const done = history.filter(({ what }) => what.startsWith('command done')).map(({ command }) => command);
      expect(done, citizen).toEqual(ids);
    }
  });
});
