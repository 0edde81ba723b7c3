// Method: real engines under load are asked to stop, on a disk that takes its time, with a file on its way, or are killed
// in the middle of that; then every client's every command is compared with what the next engine says of it. A store that
// is kept busy holds the stop open until somebody was refused because of it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { makeTaxCode } from '../../engine/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { turnsTaken } from '../support/shards.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan, World } from '../support/world.ts';

const NOW = '2021-03-01T09:00:00Z';
/** The clock never starts before what is journaled. */
const LATER = '2021-03-01T10:00:00Z';
const CITIZENS = Array.from({ length: 12 }, (_, number) => number);
const commandId = (number: number) => number.toString(16).padStart(32, '0');
/** The command that keeps its store busy. */
const HOLDING = 'a'.repeat(32);
/** Comes when nobody is let in any more. */
const LATE = 'b'.repeat(32);

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-drain-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

/** Sends without waiting, and remembers what came of it. Never sends again: what nobody answered stays so. */
class Impatient {
  readonly promised: string[] = [];
  readonly refused: string[] = [];
  readonly codes: string[] = [];
  readonly #sent = new Map<number, string>();
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, onReply: () => void) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const { ref, ok, code } = JSON.parse(String(data));
      const id = this.#sent.get(ref);
      if (id === undefined) return;
      this.#sent.delete(ref);
      if (!ok) expect(['DRAINING', 'OVERLOADED']).toContain(code);
      if (!ok) this.codes.push(code);
      (ok ? this.promised : this.refused).push(id);
      onReply();
    });
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
  }

  static async open(supervised: Supervised, citizen: number, onReply: () => void): Promise<Impatient> {
    const token = await supervised.token('citizen', makeTaxCode(citizen));
    const socket = new WebSocket(`${supervised.url.replace('http', 'ws')}/ws`, 'clickday.v1.json', {
      headers: { authorization: `Bearer ${token}` },
    });
    await new Promise((resolve) => socket.once('open', resolve));
    return new Impatient(socket, onReply);
  }

  send(id: string, request: object): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#sent.set(this.#sent.size + this.promised.length + this.refused.length, id);
    const ref = [...this.#sent.keys()].at(-1);
    this.#socket.send(JSON.stringify({ ref, id, ...request }));
  }

  /** Nobody said what became of them. */
  get unanswered(): readonly string[] {
    return [...this.#sent.values()];
  }
}

interface Story {
  readonly crowd: readonly Impatient[];
  /** Whose command keeps its store busy, and who comes when nobody is let in any more: of the crowd, too. */
  readonly held: Impatient;
  readonly late: Impatient;
  readonly exitCode: number | null;
}

/**
 * Each citizen keeps some commands in flight until the server closes. When `count` were answered and a store is busy,
 * it is asked to stop; `whileDraining` is called when somebody was refused because of that.
 */
async function load(supervised: Supervised, count: number, whileDraining: () => void = () => {}): Promise<Story> {
  let answered = 0;
  let next = 0;
  let go: () => void = () => {};
  const isUnderLoad = new Promise<void>((resolve) => {
    go = resolve;
  });
  const crowd: Impatient[] = [];
  const send = (citizen: number, isFirst = false) => {
    next += 1;
    const request = isFirst ? { type: 'enrol' } : { type: 'enableCashback', hpan: hpan(next) };
    crowd[citizen]!.send(commandId(next), request);
  };
  for (const citizen of CITIZENS) {
    crowd.push(
      await Impatient.open(supervised, citizen, () => {
        answered += 1;
        if (answered === count) go();
        if (crowd[citizen]!.refused.length === 0) send(citizen);
      }),
    );
  }
  const held = await Impatient.open(supervised, CITIZENS.length, () => {});
  let hear: () => void = () => {};
  const isLateRefused = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const late = await Impatient.open(supervised, CITIZENS.length + 1, hear);
  crowd.push(held, late);
  for (const citizen of CITIZENS) send(citizen, true);
  for (let flight = 1; flight < 6; flight += 1) for (const citizen of CITIZENS) send(citizen);
  await isUnderLoad;
  await isStoreStuck(supervised); // What the stores cannot say later is what they said last.
  held.send(HOLDING, { type: 'enrol' });
  while (!(await isStoreStuck(supervised))) expect(held.codes).toEqual([]);
  const exitCode = supervised.stop();
  while (await isAccepting(supervised));
  late.send(LATE, { type: 'enrol' });
  await Promise.race([isLateRefused, late.closed]);
  whileDraining();
  await Promise.all(crowd.map(({ closed }) => closed));
  return { crowd, held, late, exitCode: await exitCode };
}

async function isStoreStuck({ url }: Supervised): Promise<boolean> {
  const { threads } = (await (await fetch(`${url}/status`)).json()) as { threads: readonly { isStuck: boolean }[] };
  return threads.some(({ isStuck }) => isStuck);
}

/** An engine that was asked to stop takes no connections. */
function isAccepting({ url }: Supervised): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy());
}

/** Everything promised is done; what was refused is not. @returns states of what nobody answered */
async function compare(folder: string, { crowd }: Story): Promise<readonly string[]> {
  const again = await Supervised.start({ folder, now: LATER });
  const states: string[] = [];
  for (const [citizen, { promised, refused, unanswered }] of crowd.entries()) {
    const client = await again.client('citizen', makeTaxCode(citizen));
    const stateOf = async (id: string) => (await client.read('outcome', { id })) as { view: { state: string } };
    for (const id of promised) expect(await stateOf(id)).toMatchObject({ view: { state: 'done' } });
    for (const id of refused) expect(await stateOf(id)).toMatchObject({ view: { state: 'not-done' } });
    for (const id of unanswered) states.push((await stateOf(id)).view.state);
    client.close();
  }
  expect(await again.stop()).toBe(0);
  expect((await verifyFolder(folder)).differences).toEqual([]);
  return states;
}

const hasCompiler = ['/usr/bin/gcc', '/usr/bin/cc'].some((path) => existsSync(path));

test.skipIf(!hasCompiler)(
  'fault 22: SIGTERM under load on a slow disk leaves nobody in doubt, closes with 1012 and ends with 0 in time',
  async () => {
    const shim = join(place, 'slow-sync.so');
    execFileSync('cc', ['-shared', '-fPIC', '-o', shim, join(import.meta.dirname, 'slow-sync.c'), '-ldl']);
    const folder = join(place, 'slow');
    const environment = { LD_PRELOAD: shim, SYNC_MS: '100' };
    const killAt = [`deciding@${HOLDING}:1:stall:2500`];
    const supervised = await Supervised.start({ folder, now: NOW, shards: 2, environment, killAt });
    const story = await load(supervised, 40);
    expect(story.exitCode).toBe(0);
    expect([story.held.promised, story.late.codes]).toEqual([[HOLDING], ['DRAINING']]);
    for (const { closed } of story.crowd) expect(await closed).toBe(1012);
    expect(supervised.events).toEqual([]); // It was not killed for being late.
    // What nobody answered was not taken in either: it came after the last answer.
    for (const state of await compare(folder, story)) expect(state).toBe('not-done');
  },
);

test('fault 22: a hurried end refuses what waits, and answers what was begun', async () => {
  const world = await World.open();
  const citizens = CITIZENS.map((number) => world.citizen(makeTaxCode(number)));
  await Promise.all(citizens.map((citizen) => citizen.enrol()));
  const begun = citizens[0]!.do({ kind: 'enableCashback', hpan: hpan(1) });
  await turnsTaken();
  const waiting = citizens.map((citizen) => citizen.do({ kind: 'leave' }));
  await world.engine.close(true);
  expect(await begun).toMatchObject({ ok: true });
  for (const reply of await Promise.all(waiting)) expect(reply).toEqual({ ok: false, code: 'DRAINING' });
});

test('fault 23: SIGTERM and then SIGKILL loses nothing acknowledged, and whoever is in doubt can ask', async () => {
  const folder = join(place, 'killed');
  const killAt = [`deciding@${HOLDING}:1:stall`];
  const supervised = await Supervised.start({ folder, now: NOW, shards: 2, killAt });
  const story = await load(supervised, 60, () => supervised.killEngine());
  expect(story.exitCode).toBe(1);
  expect(supervised.events).toEqual([expect.stringContaining('the engine died (SIGKILL) when it was asked to stop')]);
  expect([story.held.unanswered, story.late.codes]).toEqual([[HOLDING], ['DRAINING']]);
  for (const { closed } of story.crowd) expect(await closed).toBe(1006);
  for (const state of await compare(folder, story)) expect(state).toMatch(/^(done|not-done|in-progress)$/);
});

test('fault 22: a file on its way is cut with an answer: each of its rows counts or does not, and it can be sent again', async () => {
  const folder = join(place, 'file');
  const supervised = await Supervised.start({ folder, now: NOW, shards: 1 });
  const client = await supervised.client('citizen', makeTaxCode(1));
  await client.change('enrol', {});
  await client.change('enableCashback', { hpan: hpan(1) });
  client.close();
  const name = 'CSTAR.36081.TRNLOG.20210301.101530.001.csv';
  const rows = Array.from({ length: 60_000 }, (_, row) => rowText(row));
  const authorization = `Bearer ${await supervised.token('acquirer', '36081')}`;
  const sent = fetch(`${supervised.url}/rtd/files/${name}`, {
    method: 'POST',
    headers: { authorization },
    body: rows.join('\n'),
  });
  // Rows are being judged: the sums say so before the answer does.
  while (
    !/recordPayment",result="(done|refused)"\} [1-9]/.test(await (await fetch(`${supervised.url}/metrics`)).text())
  );
  const stopped = supervised.stop();
  const answered = await sent;
  expect({ status: answered.status, body: await answered.json() }).toMatchObject({
    status: 503,
    body: { name: 'DRAINING' },
  });
  expect(await stopped).toBe(0);
  expect(supervised.events).toEqual([]);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

function rowText(row: number): string {
  const seconds = String(row % 60).padStart(2, '0');
  const date = `2021-03-01T08:15:${seconds}.000+01:00`;
  return `36081;00;01;${hpan(1)};${date};F${row};AUT;;4500;978;09509;400000000001;80205001;99990000;5411`;
}
