// Method: published examples and hand-made wrong ones; then seeded changes of valid IBANs, where ibantools is the
// oracle (fault 34: accepted if and only if form and modulo 97 hold).
import { isValidIBAN } from 'ibantools';
import { describe, expect, test } from 'vitest';
import { checkCharacter } from '../../engine/programme/check-character.ts';
import { checkIban, IBAN_COUNT, makeIban } from '../../engine/programme/iban.ts';
import { Random, seed } from '../support/random.ts';
import { judgeChangedIbans } from './changed-ibans.ts';

const GOOD = 'IT60X0542811101000000123456';

describe('an IBAN', () => {
  test.each([
    GOOD,
    'IT60 X054 2811 1010 0000 0123 456',
    ' it60x0542811101000000123456\t',
    'IT60\u00a0X054 2811 1010 0000 0123 456',
    'It60x0542811101000000123456',
  ])('%j is stored without blanks and in upper case', (text) => {
    expect(checkIban(text)).toEqual({ ok: true, value: GOOD });
  });

  test.each([
    '',
    'IT60X054281110100000012345',
    'IT60X05428111010000001234567',
    'IT61X0542811101000000123456',
    'IT600054281110100000012345',
    'IT60X0542811101000000123457',
    'IT60-X054-2811-1010-0000-0123-456',
    'IT60X05428A1101000000123456',
    'DE89370400440532013000',
    'SM86U0322509800000000270100',
    'FR1420041010050500013M02606',
    'IT60X054281110100000012345６',
    'ıT60X0542811101000000123456',
  ])('%j is not one', (text) => {
    expect(checkIban(text)).toEqual({ ok: false });
  });

  test('letters are allowed in the account number, and only there', () => {
    const withLetters = 'IT71Q03002032800000W7LGRK9Y';
    const accounts = Array.from({ length: 97 }, (_, index) => {
      return `IT${String(index + 2).padStart(2, '0')}${withLetters.slice(4)}`;
    });
    expect(accounts.filter((text) => checkIban(text).ok)).toEqual(accounts.filter((text) => isValidIBAN(text)));
    expect(accounts.filter((text) => checkIban(text).ok)).toHaveLength(1);
  });

  test.each([
    ['98', '01'],
    ['97', '00'],
    ['02', '99'],
  ])('check digits run from 02 to 98: of %s and %s, the same modulo 97, only the first are any', (right, wrong) => {
    const random = new Random(seed);
    let account = '';
    do account = makeIban(random.below(IBAN_COUNT)).slice(4);
    while (!isValidIBAN(`IT${right}${account}`));
    expect([right, wrong].map((digits) => checkIban(`IT${digits}${account}`).ok)).toEqual([true, false]);
    expect([right, wrong].map((digits) => isValidIBAN(`IT${digits}${account}`))).toEqual([true, false]);
  });

  test('the national check letter is not verified (DECISION 40)', () => {
    const accounts = Array.from({ length: 97 }, (_, index) => {
      return `IT${String(index + 2).padStart(2, '0')}A${GOOD.slice(5)}`;
    });
    expect(accounts.filter((text) => checkIban(text).ok)).toHaveLength(1);
  });

  test('fault 34: changed IBANs are accepted exactly when ibantools accepts them', () => {
    const { accepted, wrong } = judgeChangedIbans(new Random(seed), 20_000);
    expect(wrong, `seed=${seed}`).toEqual([]);
    expect(accepted).toBeGreaterThan(4_000);
  });
});

describe('the national check letter', () => {
  test('is that of the example in the IBAN registry', () => {
    expect(checkCharacter('0542811101000000123456')).toBe('X');
  });
});

describe('a made IBAN', () => {
  test('is the same at every run', () => {
    expect([0, 1, 123_456].map(makeIban)).toEqual([
      'IT05N0200803200000000000000',
      'IT63X0306903200000000000001',
      'IT94Z0306903200000000123456',
    ]);
  });

  test('is valid here and for ibantools, and belongs to its number alone', () => {
    const random = new Random(seed);
    const numbers = new Set([0, 1, IBAN_COUNT - 1]);
    while (numbers.size < 2_000) numbers.add(random.below(IBAN_COUNT));
    const ibans = new Set([...numbers].map(makeIban));
    expect(ibans.size).toBe(numbers.size);
    for (const iban of ibans) {
      expect(isValidIBAN(iban), iban).toBe(true);
      expect(checkIban(iban)).toEqual({ ok: true, value: iban });
    }
  });

  test.each([-1, 0.5, Number.NaN, IBAN_COUNT])('there is none for %s', (number) => {
    expect(() => makeIban(number)).toThrow('no IBAN');
  });
});
