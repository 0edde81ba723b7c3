// Method: callers at instants that the test chooses, each with an address, some behind proxies.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import { Addresses, type AddressesOptions, networkOf } from '../../server/admission/addresses.ts';
import { readConfiguration } from '../../server/config.ts';

const PER_SECOND = 200;
const AT_ONCE = PER_SECOND * LIMITS.secondsAtOnceOfAddress;
const CARRIER = '93.40.1.2';

function from(remoteAddress: string, forwarded?: string) {
  return { remoteAddress, header: (name: string) => (name === 'x-forwarded-for' ? forwarded : undefined) };
}

function open(options: Partial<AddressesOptions> = {}): Addresses {
  return new Addresses({ random: () => 0.5, perSecond: PER_SECOND, ...options });
}

/** How many of so many callers at one instant pass. */
function passing(addresses: Addresses, count: number, nowMs: number, caller: (index: number) => string): number {
  let passed = 0;
  for (let index = 0; index < count; index += 1) if (addresses.ask(from(caller(index)), nowMs) === 0) passed += 1;
  return passed;
}

const citizen = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

describe('fault 49: one address', () => {
  test('has a burst, then its rate, and keeps nobody else out', () => {
    const addresses = open();
    expect(passing(addresses, 10_000, 0, () => CARRIER)).toBe(AT_ONCE);
    expect(passing(addresses, 10_000, 1_000, () => CARRIER)).toBe(PER_SECOND);
    expect(passing(addresses, 1_000, 1_000, citizen)).toBe(1_000);
  });

  test('of IPv6 is the network of a subscriber', () => {
    const addresses = open();
    const host = (index: number) => `2001:db8:0:7::${(index + 1).toString(16)}`;
    expect(passing(addresses, 5_000, 0, host)).toBe(AT_ONCE);
    expect(addresses.ask(from('2001:db8:0:8::1'), 0)).toBe(0);
    for (const same of ['2001:db8:0:7::1', '2001:0DB8:0000:0007:1:2:3:4', '2001:db8::7:0:0:0:9', '2001:db8:0:7:1::'])
      expect(networkOf(same)).toBe('2001:db8:0:7');
    for (const same of ['2001:db8::1', '2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0::1'])
      expect(networkOf(same)).toBe('2001:db8:0:0');
    expect([networkOf('::1'), networkOf('fe80::'), networkOf('1.2.3.4')]).toEqual(['0:0:0:0', 'fe80:0:0:0', '1.2.3.4']);
  });

  test('is no address at all where the caller is our own machine', () => {
    for (const own of ['127.0.0.9', '::1']) expect(passing(open(), 10_000, 0, () => own)).toBe(10_000);
  });

  test('has the rate that an operator says', () => {
    const addresses = open({ perSecond: 4 });
    expect(passing(addresses, 100, 0, () => CARRIER)).toBe(40);
    expect(passing(addresses, 100, 1_000, () => CARRIER)).toBe(4);
  });

  test('is given back what it was charged for nothing', () => {
    const addresses = open();
    expect(passing(addresses, 10_000, 0, () => CARRIER)).toBe(AT_ONCE);
    for (let index = 0; index < 3; index += 1) addresses.giveBack(from(CARRIER), 0);
    addresses.giveBack(from('127.0.0.1'), 0);
    expect(passing(addresses, 10_000, 0, () => CARRIER)).toBe(3);
  });

  test('is told when it may come again, spread over some seconds', () => {
    const waits = [0, 0.999].map((random) => {
      const addresses = open({ random: () => random });
      passing(addresses, AT_ONCE, 0, () => CARRIER);
      return addresses.ask(from(CARRIER), 0);
    });
    expect(waits).toEqual([5, 5_000]);
  });
});

describe('a proxy', () => {
  const PROXIES = ['10.0.0.2', '10.0.0.3'];
  const limited = (caller: ReturnType<typeof from>, addresses = open({ proxies: PROXIES, perSecond: 1 })) => {
    for (let index = 0; index < 10; index += 1) addresses.ask(from(CARRIER), 0);
    return addresses.ask(caller, 0) > 0;
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
