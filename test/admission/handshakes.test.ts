// Method: callers at instants that the test chooses, each with an address; who is sent away comes back when it was told to.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Handshakes, type HandshakesOptions, networkOf } from '../../server/admission/handshakes.ts';
import { readConfiguration } from '../../server/config.ts';
import { Random, seed } from '../support/random.ts';

const { handshakesAtOnce, handshakesPerSecond, handshakesAtOnceOfAddress, handshakesPerSecondOfAddress } = LIMITS;
const CARRIER = '93.40.1.2';

function from(remoteAddress: string, forwarded?: string) {
  return { remoteAddress, header: (name: string) => (name === 'x-forwarded-for' ? forwarded : undefined) };
}

function open(options: Partial<HandshakesOptions> = {}): Handshakes {
  return new Handshakes({ random: () => 0.5, ...options });
}

/** How many of so many callers at one instant pass. */
function passing(handshakes: Handshakes, count: number, nowMs: number, caller: (index: number) => string): number {
  let passed = 0;
  for (let index = 0; index < count; index += 1) if (handshakes.ask(from(caller(index)), nowMs) === 0) passed += 1;
  return passed;
}

const citizen = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

describe('fault 49: one address', () => {
  test('has a burst, then its rate, and keeps nobody else out', () => {
    const handshakes = open();
    expect(passing(handshakes, 10_000, 0, () => CARRIER)).toBe(handshakesAtOnceOfAddress);
    expect(passing(handshakes, 10_000, 1_000, () => CARRIER)).toBe(handshakesPerSecondOfAddress);
    expect(passing(handshakes, 1_000, 1_000, citizen)).toBe(1_000);
  });

  test('of IPv6 is the network of a subscriber', () => {
    const handshakes = open();
    const host = (index: number) => `2001:db8:0:7::${(index + 1).toString(16)}`;
    expect(passing(handshakes, 5_000, 0, host)).toBe(handshakesAtOnceOfAddress);
    expect(handshakes.ask(from('2001:db8:0:8::1'), 0)).toBe(0);
    for (const same of ['2001:db8:0:7::1', '2001:0DB8:0000:0007:1:2:3:4', '2001:db8::7:0:0:0:9'])
      expect(networkOf(same)).toBe('2001:db8:0:7');
    expect([networkOf('::1'), networkOf('fe80::'), networkOf('1.2.3.4')]).toEqual(['0:0:0:0', 'fe80:0:0:0', '1.2.3.4']);
  });

  test('is no address at all where the caller is our own machine', () => {
    for (const own of ['127.0.0.9', '::1']) expect(passing(open(), 10_000, 0, () => own)).toBe(handshakesAtOnce);
  });

  test('has the rate that an operator says', () => {
    const handshakes = open({ perSecondOfAddress: 4 });
    expect(passing(handshakes, 100, 0, () => CARRIER)).toBe(40);
    expect(passing(handshakes, 100, 1_000, () => CARRIER)).toBe(4);
  });

  test('loses nothing where all together are too many', () => {
    const handshakes = open();
    expect(passing(handshakes, handshakesAtOnce, 0, citizen)).toBe(handshakesAtOnce);
    expect(passing(handshakes, 10_000, 0, () => CARRIER)).toBe(0);
    expect(passing(handshakes, 10_000, 1_000, () => CARRIER)).toBe(handshakesAtOnceOfAddress);
  });
});

describe('a proxy', () => {
  const PROXIES = ['10.0.0.2', '10.0.0.3'];
  const limited = (caller: ReturnType<typeof from>, handshakes = open({ proxies: PROXIES, perSecondOfAddress: 1 })) => {
    for (let index = 0; index < 10; index += 1) handshakes.ask(from(CARRIER), 0);
    return handshakes.ask(caller, 0) > 0;
  };

  test.each([
    ['the caller that it names counts', from('10.0.0.2', CARRIER), true],
    ['through two of them, too', from('10.0.0.3', `${CARRIER}, 10.0.0.2`), true],
    ['what the caller itself wrote before does not', from('10.0.0.2', `1.1.1.1, ${CARRIER}`), true],
    ['an IPv4 address in the spelling of IPv6 is one', from('10.0.0.2', `::ffff:${CARRIER}`), true],
    ['who is none is not believed', from('10.0.0.4', CARRIER), false],
    ['what is no address is its own', from('10.0.0.2', `${CARRIER}:4000`), false],
    ['without the header it stands for all', from('10.0.0.2'), false],
  ])('%s', (_, caller, isLimited) => {
    expect(limited(caller)).toBe(isLimited);
  });

  test('is named in the configuration, and nothing else is taken for one', () => {
    const read = (text: string) => readConfiguration('{"data":"d","port":0}', { CLICKDAY_PROXIES: text }).proxies;
    expect(read(' 10.0.0.2, 2001:db8::1')).toEqual(['10.0.0.2', '2001:db8::1']);
    expect(read('')).toEqual([]);
    expect(() => read('proxy.example')).toThrow(/CLICKDAY_PROXIES names addresses/);
  });
});

test('fault 65: a hundred thousand that come at once are all in within a minute, one behind the other', () => {
  const random = new Random(seed);
  const handshakes = open({ random: () => random.next() });
  const waiting = new Map<number, number[]>([[0, Array.from({ length: 100_000 }, (_, index) => index)]]);
  const perSecond = new Array<number>(61).fill(0);
  let [asked, longestMs] = [0, 0];
  for (let nowMs = 0; nowMs <= 60_000; nowMs += 1) {
    for (const index of waiting.get(nowMs) ?? []) {
      asked += 1;
      const waitMs = handshakes.ask(from(citizen(index)), nowMs);
      longestMs = Math.max(longestMs, waitMs);
      if (waitMs === 0) perSecond[Math.floor(nowMs / 1_000)]! += 1;
      else waiting.set(nowMs + waitMs, [...(waiting.get(nowMs + waitMs) ?? []), index]);
    }
    waiting.delete(nowMs);
  }
  expect(perSecond.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(95_000);
  expect(Math.max(...perSecond.slice(1))).toBeLessThanOrEqual(handshakesPerSecond + handshakesAtOnce);
  expect(asked).toBeLessThan(300_000);
  expect(longestMs).toBeLessThanOrEqual(LIMITS.retryMsMax);
});
