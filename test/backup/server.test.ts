// Method: real servers of two stores, as an operator runs them: backed up while payments arrive, shipped, killed with
// SIGKILL; restored by the command line, and asked again. What was answered before must be there; folders are verified.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickdayClient } from '../../client/sdk/index.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';

const NOW = '2021-02-11T12:00:00+01:00';
const CITIZENS = 12;
const hpan = (number: number) =>
  ((number * 2_654_435_761) >>> 0)
    .toString(16)
    .padStart(8, '0')
    .padEnd(64, `${number % 10}`);

let programs: Programs;
beforeAll(() => {
  programs = new Programs();
});
afterAll(() => programs.close());

const at = (name: string) => join(programs.folder, name);

/** Enrols who is not there yet, and pays for all of them: resolves with what each was last told. */
async function load(server: RunningServer, from: number): Promise<readonly string[]> {
  const citizens = Array.from({ length: CITIZENS }, (_, index) => makeTaxCode(from + index));
  return Promise.all(
    citizens.map(async (citizen, index) => {
      const client = await server.client('citizen', citizen);
      try {
        await enrol(client, hpan(from + index));
        return JSON.stringify(walletOf(await client.read('wallet', {})));
      } finally {
        client.close();
      }
    }),
  );
}

async function enrol(client: ClickdayClient, card: string): Promise<void> {
  for (const reply of [await client.change('enrol', {}), await client.change('enableCashback', { hpan: card })]) {
    if (!reply.ok) throw new Error(reply.code);
  }
}

/** But for where its partition stands, which others move. */
function walletOf(reply: unknown): unknown {
  const { view } = reply as { readonly view: { readonly position: unknown } };
  const { position: _, ...rest } = view;
  return rest;
}

async function told(server: RunningServer, from: number): Promise<readonly string[]> {
  return Promise.all(
    Array.from({ length: CITIZENS }, async (_, index) => {
      const client = await server.client('citizen', makeTaxCode(from + index));
      try {
        return JSON.stringify(walletOf(await client.read('wallet', {})));
      } finally {
        client.close();
      }
    }),
  );
}

async function json(...words: readonly string[]): Promise<unknown> {
  const { code, out, err } = await programs.run(...words, '--json');
  expect({ code, err, words }).toEqual({ code: 0, err: '', words });
  return JSON.parse(out);
}

describe('a running server', () => {
  test('fault 83: is backed up under load, goes on, is restored to the cut, and ships what comes after', async () => {
    const server = await programs.serve(
      'live',
      ...['--now', NOW, '--speed', '0', '--shards', '2', '--ship', at('ship')],
    );
    const before = await load(server, 0);
    const [made, during] = await Promise.all([
      json('backup', at('backup'), '--data', server.folder, '--url', server.url, '--name', 'hot', '--base'),
      load(server, 100),
    ]);
    expect(made).toMatchObject({ isAtRest: false, keys: `${at('backup')}.keys`, cut: { name: 'hot', hasBase: true } });

    const inShipped = await json(
      'backup',
      at('ship'),
      '--data',
      server.folder,
      '--url',
      server.url,
      '--name',
      'shipped',
    );
    expect(inShipped).toMatchObject({ isAtRest: false, cut: { name: 'shipped' } });
    const { body } = await server.call('', '/status');
    expect(body).toMatchObject({ shipping: { folder: at('ship'), fault: null } });
    expect((await server.call('', '/metrics')).text).toMatch(/^clickday_shipping_lag_records \d+$/m);
    const past = ['wallet', makeTaxCode(3), '--at', NOW, '--data', server.folder];
    const seen = await json(...past, '--url', server.url);
    expect(seen).toMatchObject({ wallet: { enabled: true }, history: expect.any(Array) });
    const operator = await server.token('operator', 'test');
    for (const [field, value] of [
      ['citizen', 'NOBODY'],
      ['at', 'yesterday'],
    ] as const) {
      const asked = { citizen: makeTaxCode(3), at: NOW, [field]: value };
      const refused = await server.call(operator, '/admin/past', { method: 'POST', body: asked });
      expect(refused).toMatchObject({ status: 400, body: { name: 'FIELD_INVALID', detail: field } });
    }
    expect(await json('doubles', '--data', server.folder, '--url', server.url)).toEqual({ doubles: [], moreCount: 0 });
    await server.killAll();
    // Nobody has changed it since: it is told the same from the folder at rest.
    expect(await json(...past)).toEqual(seen);

    expect(await json('verify', '--backup', at('backup'))).toMatchObject({ ok: true, cuts: [{ name: 'hot' }] });
    const fromHot = await json('restore', at('backup'), '--data', at('from-backup'), '--to-cut', 'hot');
    expect(fromHot).toMatchObject({ base: 'hot', damagedBases: [] });
    const restored = await programs.serve('from-backup', '--now', NOW, '--speed', '0');
    expect(await told(restored, 0)).toEqual(before);
    await restored.stop();
    expect((await verifyFolder(at('from-backup'))).differences).toEqual([]);

    await json('restore', at('ship'), '--data', at('from-ship'));
    const standby = await programs.serve('from-ship', '--now', NOW, '--speed', '0');
    expect(await told(standby, 0)).toEqual(before);
    expect(await told(standby, 100)).toEqual(during);
    await standby.stop();
    expect((await verifyFolder(at('from-ship'))).differences).toEqual([]);
  });

  test('a folder at rest is backed up by the same verb, and only by an operator through a server', async () => {
    const server = await programs.serve('quiet', '--now', NOW, '--speed', '0');
    const citizen = await server.token('citizen', makeTaxCode(1));
    const ask = { method: 'POST', body: { folder: at('nobody') } };
    expect((await server.call(citizen, '/admin/backups', ask)).status).toBe(403);
    const operator = await server.token('operator', 'test');
    expect(
      await server.call(operator, '/admin/backups', { method: 'POST', body: { folder: 'relative' } }),
    ).toMatchObject({
      status: 400,
      body: { name: 'FIELD_INVALID', detail: 'folder' },
    });
    await load(server, 0);
    await server.stop();
    const made = await json('backup', at('rest'), '--data', server.folder, '--name', 'rest');
    expect(made).toMatchObject({ isAtRest: true, cut: { name: 'rest' } });
    const again = await programs.run('backup', at('rest'), '--data', server.folder, '--name', 'rest');
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('has a cut named rest already') });
  });
});
