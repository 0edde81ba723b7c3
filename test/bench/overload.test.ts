// Method: what the click day's crowd is judged by, on phases and frames written down by hand; and one citizen of it before a
// server that answers when the test says so.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Canaries } from '../../bench/overload/canary.ts';
import { Citizen } from '../../bench/overload/citizen.ts';
import { jain, secondsToNormal, usefulPerSecond } from '../../bench/overload/figures.ts';
import type { PhaseResult, Second } from '../../bench/overload/plan.ts';
import { Tally } from '../../bench/overload/tally.ts';
import { LOOK } from '../../bench/overload/wishes.ts';
import { createMsgpackCodec } from '../../server/wire/index.ts';

describe('canaries', () => {
  const canaries = new Canaries(3);
  const wallet = (...ibans: readonly string[]) => {
    const view = { iban: ibans[0], methods: ibans.slice(1).map((iban) => ({ text: `x${iban}y` })) };
    return Buffer.from(createMsgpackCodec().encode({ ref: 1, ok: true, view }) as Uint8Array);
  };

  test('a citizen finds its own, and each of another wherever it stands', () => {
    expect(canaries.find(0, wallet(canaries.of(0)))).toEqual({ own: 1, foreign: 0 });
    expect(canaries.find(0, wallet(canaries.of(0), canaries.of(2), canaries.of(1)))).toEqual({ own: 1, foreign: 2 });
    expect(canaries.find(2, wallet(canaries.of(1)))).toEqual({ own: 0, foreign: 1 });
    expect(canaries.find(0, Buffer.from('OVERLOADED: ITALY IT12'))).toEqual({ own: 0, foreign: 0 });
  });
});

test('Jain: equal shares are 1, and one who has all of four is a quarter', () => {
  expect(jain([5, 5, 5, 5])).toBe(1);
  expect(jain([20, 0, 0, 0])).toBe(0.25);
  expect(jain([0, 0])).toBe(0);
});

describe('a phase', () => {
  test('counts what came in time as useful, and only that for whoever it came', () => {
    const tally = new Tally(2, 0);
    tally.served(0, 50, 500, null);
    tally.served(1, 2_500, 1_200, null);
    tally.served(1, 40, 1_300, 'IBAN_INVALID');
    const result = tally.result(2_000);
    expect(result.seconds.map(({ served, useful }) => [served, useful])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(result).toMatchObject({ each: [1, 1], refusedOnMerits: { IBAN_INVALID: 1 } });
    expect(usefulPerSecond(result satisfies PhaseResult)).toBe(1);
  });

  describe('is normal again', () => {
    const good: Second = { asked: 1_000, served: 1_000, useful: 1_000, refused: 0, p50: 5, p99: 20 };
    const silent = { useful: 0 };
    const refusing = { refused: 100 };
    const toNormal = (...all: readonly Partial<Second>[]) =>
      secondsToNormal(
        all.map((one) => ({ ...good, ...one })),
        { perSecond: 1_000, p99MsMax: 200 },
      );

    test('from the first of some good seconds in a row', () => {
      expect(toNormal({}, {}, {})).toBe(0);
      expect(toNormal(silent, refusing, {}, {}, {})).toBe(2);
      expect(toNormal({}, silent, {}, {}, refusing, {}, {}, {}, silent)).toBe(5);
      expect(toNormal({}, {}, silent, {}, {})).toBeNull();
    });

    test.each<[string, Partial<Second>, number]>([
      ['a little less by chance is good', { useful: 860 }, 0],
      ['less is not', { useful: 850 }, 1],
      ['fewer wishes, all of them served, are good', { asked: 700, useful: 700 }, 0],
      ['hardly any are not', { asked: 400, useful: 400 }, 1],
      ['slow answers are not', { p99: 900 }, 1],
    ])('where %s', (_, first, expected) => {
      expect(toNormal(first, {}, {}, {})).toBe(expected);
    });
  });
});

describe('a citizen of the crowd', () => {
  const codec = createMsgpackCodec();
  let server: WebSocketServer;
  let socket: WebSocket;
  let tally: Tally;
  let citizen: Citizen;
  let nowMs = 0;
  /** Refs, in the order in which they came. */
  const asked: number[] = [];
  const timers: (() => void)[] = [];
  let wake = () => {};

  beforeEach(async () => {
    nowMs = 0;
    tally = new Tally(1, nowMs);
    for (const list of [asked, timers]) list.length = 0;
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    server.on('connection', (peer) => {
      socket = peer;
      peer.on('message', (frame: Buffer) => {
        asked.push(codec.peek(frame)!.ref);
        wake();
      });
      say({ hello: {} });
    });
    citizen = new Citizen(0, 'token', {
      ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      ...{ tally: () => tally, greeting: () => null, idle: () => {}, nowMs: () => nowMs },
      after: (_, act) => timers.push(act),
      find: () => {
        wake();
        return { own: 1, foreign: 0 };
      },
    });
    await citizen.connect();
  });

  afterEach(() => {
    citizen.close();
    server.close();
  });

  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function say(message: object): void {
    socket.send(codec.encode(message));
  }

  /** @returns the ref of what it sends when it acts so at that instant */
  async function sends(atMs: number, act: () => void): Promise<number> {
    const count = asked.length;
    nowMs = atMs;
    act();
    await until(() => asked.length > count);
    return asked.at(-1)!;
  }
  const wishes = (atMs: number) => sends(atMs, () => citizen.want(() => LOOK));
  const comes = (atMs: number) => sends(atMs, timers.shift()!);

  async function hears(atMs: number, message: object): Promise<void> {
    const { scanned } = tally.counts;
    nowMs = atMs;
    say(message);
    await until(() => tally.counts.scanned > scanned);
  }
  const refused = (ref: number) => ({ ref, ok: false, code: 'OVERLOADED', waitMs: 50, ticket: 'ticket' });
  const served = (ref: number) => ({ ref, ok: true, view: {} });

  test('keeps its appointment, whatever becomes of a tap before it', async () => {
    await hears(10, refused(await wishes(0)));
    const tap = await wishes(50);
    const came = await comes(60);
    await hears(70, refused(tap));
    await hears(80, served(came));
    expect(tally.counts).toMatchObject({ appointments: 1, kept: 1 });
    expect(tally.result(100)).toMatchObject({ each: [1], p99: expect.closeTo(20, 1) });
  });

  test('kept it also where the tap before it was let in', async () => {
    await hears(10, refused(await wishes(0)));
    const tap = await wishes(50);
    await comes(60);
    await hears(80, served(tap));
    expect(tally.counts).toMatchObject({ appointments: 1, kept: 1 });
    expect(tally.result(100)).toMatchObject({ p99: expect.closeTo(30, 1) });
  });

  test('was told another time when it came: that one was broken', async () => {
    await hears(10, refused(await wishes(0)));
    await hears(70, refused(await comes(60)));
    await hears(130, served(await comes(120)));
    expect(tally.counts).toMatchObject({ appointments: 2, kept: 1 });
  });

  test('an answer to a wish that it had before is none to this', async () => {
    const [first, again] = [await wishes(0), await wishes(3_000)];
    await hears(3_100, served(first));
    const next = await wishes(3_200);
    await hears(3_300, served(again));
    expect(citizen.isIdle).toBe(false);
    await hears(3_400, served(next));
    expect(citizen.isIdle).toBe(true);
  });
});
