// Method: a comparison is only fair when the peer keeps the same promises. The same seeded commands go to a peer and to
// the engine, and every answer must be the same; contested cards and repeated ids go side by side, so that they meet in
// one batch and in two; and what was sealed must not stand in any file of the database.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, openPeerEngine, type PeerEngine } from '../../bench/peers/peer-engine.ts';
import { openPostgresBackend } from '../../bench/peers/postgres-backend.ts';
import { startPostgres, TUNED_SETTINGS } from '../../bench/peers/postgres-server.ts';
import { DURABLE_SETTINGS, openRedisBackend } from '../../bench/peers/redis-backend.ts';
import { startRedis } from '../../bench/peers/redis-server.ts';
import {
  APP_CHANNEL,
  type CommandReply,
  type Engine,
  italy2020,
  makeIban,
  makeTaxCode,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { Random, seed } from '../support/random.ts';
import { World } from '../support/world.ts';

const CITIZENS = [1, 2].map(makeTaxCode);
const CARDS = ['a1', '52'].map((digits) => digits.repeat(32));
const STEPS = 200;
const HOLDER = { accountHolderCF: makeTaxCode(1), accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };
const SECRETS = [makeIban(1), makeTaxCode(1), 'ROSSI'];

interface Started {
  readonly backend: Backend;
  stop(): Promise<void>;
}

const PEERS: Readonly<Record<string, (parentFolder: string) => Promise<Started | null>>> = {
  async redis(parentFolder) {
    const server = await startRedis({ settings: DURABLE_SETTINGS, parentFolder });
    return server && { backend: await openRedisBackend(server.port), stop: () => server.stop() };
  },
  async postgres(parentFolder) {
    const server = await startPostgres({ settings: TUNED_SETTINGS, parentFolder });
    return server && { backend: await openPostgresBackend(server.port), stop: () => server.stop() };
  },
};

type Door = Pick<Engine, 'citizenKeyOf' | 'execute'>;

function ask(door: Door, taxCode: string, id: string, body: WalletCommandBody): Promise<object> {
  const citizen = door.citizenKeyOf(taxCode);
  const origin = { role: 'citizen', subject: citizen, channel: APP_CHANNEL } as const;
  return new Promise((resolve) =>
    door.execute({ citizen, taxCode, origin, id, body }, (reply) => resolve(essence(reply))),
  );
}

/** Positions are the engine's own. */
function essence(reply: CommandReply): object {
  return reply.ok ? { answer: reply.answer, repeated: reply.repeated } : { code: reply.code };
}

function idOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}

/** Mostly what goes to and fro between two citizens. */
function bodyOf(random: Random, hpan: string): WalletCommandBody {
  const change = random.below(12);
  if (change < 4) return { kind: 'enableCashback', hpan };
  if (change < 8) return { kind: 'disableCashback', hpan };
  if (change === 8) return { kind: 'setIban', iban: makeIban(1), ...HOLDER };
  if (change === 9) return { kind: 'removeMethod', hpan };
  return listing(random, hpan);
}

function listing(random: Random, hpan: string): WalletCommandBody {
  const details = { methodKind: 'card', lastDigits: '4242', expiry: '2026-12', issuerAbi: '' } as const;
  const brand = random.pick(['VISA', 'A "quoted\\" brand']);
  return random.below(3) === 0 ? { kind: 'enrol' } : { kind: 'addMethod', hpan, details: { ...details, brand } };
}

describe.each(Object.entries(PEERS))('%s as a peer', (name, start) => {
  const clock = { nowMs: () => world.nowMs };
  let folder: string;
  let world: World;
  let peer: PeerEngine;
  let started: Started | null;
  let isMissing = false;

  beforeAll(async () => {
    world = await World.open();
    folder = mkdtempSync(join(tmpdir(), 'clickday-peers-'));
    await chmod(folder, 0o755); // PostgreSQL runs as another user.
    started = await start(folder);
    isMissing = started === null;
    if (started === null) return;
    const failed = (error: unknown) => {
      throw error;
    };
    peer = openPeerEngine({ backend: started.backend, programme: italy2020(), clock, failed });
  });

  afterAll(async () => {
    await peer?.close();
    await started?.stop();
    await world.engine.close();
    rmSync(folder, { recursive: true });
  });

  test('answers every command as the engine does', async ({ skip }) => {
    if (isMissing) return skip(`${name} is not installed`);
    const random = new Random(seed);
    const listed = new Set<string>();
    for (let step = 0; step < STEPS; step += 1) {
      const [taxCode, hpan] = [random.pick(CITIZENS), random.pick(CARDS)];
      const method = `${taxCode} ${hpan}`;
      // A card that was enabled without being listed is a method of the engine's wallets, and of no peer's.
      const body = listed.has(method) ? bodyOf(random, hpan) : listing(random, hpan);
      const id = idOf(random.below(5) === 0 ? random.below(step + 1) : step);
      const [own, its] = [await ask(world.engine, taxCode, id, body), await ask(peer, taxCode, id, body)];
      expect(its, `seed=${seed} step=${step} ${body.kind}`).toEqual(own);
      if (!('answer' in own)) continue;
      if (body.kind === 'addMethod') listed.add(method);
      if (body.kind === 'removeMethod') listed.delete(method);
    }
  });

  test('gives a card that many claim at once to one of them', async ({ skip }) => {
    if (isMissing) return skip(`${name} is not installed`);
    const crowd = Array.from({ length: 40 }, (_, number) => makeTaxCode(1_000 + number));
    await Promise.all(crowd.map((taxCode) => ask(peer, taxCode, idOf(1), { kind: 'enrol' })));
    const hpan = 'e4'.repeat(32);
    const claims = await Promise.all(
      crowd.map((taxCode) => ask(peer, taxCode, idOf(2), { kind: 'enableCashback', hpan })),
    );
    const granted = claims.filter((claim) => 'answer' in claim);
    expect(granted).toHaveLength(1);
    expect(claims.filter((claim) => 'code' in claim && claim.code === 'INSTRUMENT_TAKEN')).toHaveLength(39);
  });

  test('does once what comes many times under one id', async ({ skip }) => {
    if (isMissing) return skip(`${name} is not installed`);
    const taxCode = makeTaxCode(2_000);
    const replies = await Promise.all(
      Array.from(
        { length: 20 },
        () => ask(peer, taxCode, idOf(3), { kind: 'enrol' }) as Promise<{ repeated: boolean }>,
      ),
    );
    expect(replies.filter(({ repeated }) => !repeated)).toHaveLength(1);
  });

  test('keeps tax code and payoff where nobody can read them', async ({ skip }) => {
    if (isMissing) return skip(`${name} is not installed`);
    await ask(peer, makeTaxCode(1), idOf(9_998), { kind: 'enrol' });
    const paid = await ask(peer, makeTaxCode(1), idOf(9_999), { kind: 'setIban', iban: makeIban(1), ...HOLDER });
    expect(paid).toMatchObject({ repeated: false });
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(folder, path)).isFile(),
    );
    const readable = files.filter((path) => {
      const content = readFileSync(join(folder, path));
      return SECRETS.some((secret) => content.includes(secret));
    });
    expect(files.length).toBeGreaterThan(0);
    expect(readable).toEqual([]);
  });
});
