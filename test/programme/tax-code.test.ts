// Method: codes of the literature, every change of one character, and seeded codes with omocodia; the check character
// and the form of @marketto/codice-fiscale-utils are the oracle.
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { checkTaxCode, makeTaxCode, TAX_CODE_COUNT } from '../../engine/programme/tax-code.ts';
import { Random, seed } from '../support/random.ts';

/** The package's ES module does not load on Node 20; its CommonJS one does. Its types are not for this resolution. */
interface Oracle {
  readonly CheckDigitizer: { checkDigit(code: string): string | null };
  readonly VALIDATOR: { readonly CODICE_FISCALE: string };
}
const oracle: Oracle = createRequire(import.meta.url)('@marketto/codice-fiscale-utils');

const OMOCODES = 'LMNPQRSTUV';
const DIGIT_PLACES = [6, 7, 9, 10, 12, 13, 14];
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Puts letters in place of some digits and the right check character behind. */
function omocodeOf(code: string, places: readonly number[]): string {
  const characters = [...code];
  for (const place of places) characters[place] = OMOCODES[Number(characters[place])]!;
  const body = characters.join('');
  return `${body}${oracle.CheckDigitizer.checkDigit(body)}`;
}

describe('a tax code', () => {
  test.each(['RSSMRA85T10A562S', 'MRTMTT25D09F205Z', 'MLLSNT82P65Z404U'])('%s is valid', (code) => {
    expect(checkTaxCode(code)).toEqual({ ok: true, value: code });
    expect(checkTaxCode(code.toLowerCase())).toEqual({ ok: true, value: code });
  });

  test.each(['RSSMRA85T10A562', 'MLLSNT99P09Z999', 'BNCGNN43C27F801'])(
    'fault 35: every omocode of %s is valid, with its own check character',
    (body) => {
      for (let mask = 0; mask < 2 ** DIGIT_PLACES.length; mask += 1) {
        const places = DIGIT_PLACES.filter((_, index) => mask & (2 ** index));
        const code = omocodeOf(body, places);
        expect(checkTaxCode(code), code).toEqual({ ok: true, value: code });
      }
    },
  );

  test.each([
    '',
    'RSSMRA85T10A562',
    'RSSMRA85T10A562SS',
    ' RSSMRA85T10A562S',
    'RSSMRA85T10A562S\n',
    'RSSMRA85T10A562T',
    'RSSMRA85F10A562S',
    'RSSMRA8AT10A562S',
    '1SSMRA85T10A562S',
    'RSSMRA85T10A5625',
    'RſſMRA85T10A562S',
    'RSSMRA85T10A56２S',
    '12345678901',
  ])('%j is not', (text) => {
    expect(checkTaxCode(text)).toEqual({ ok: false });
  });

  test('a change of one character is valid only with the form and the check character of the oracle', () => {
    const form = /^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$/;
    const random = new Random(seed);
    for (let step = 0; step < 100; step += 1) {
      const code = makeTaxCode(random.below(TAX_CODE_COUNT));
      for (let place = 0; place < 16; place += 1) {
        const changed = `${code.slice(0, place)}${random.pick([...ALPHABET])}${code.slice(place + 1)}`;
        const isValid = form.test(changed) && oracle.CheckDigitizer.checkDigit(changed.slice(0, 15)) === changed[15];
        expect(checkTaxCode(changed).ok, `seed=${seed} ${changed}`).toBe(isValid);
      }
    }
  });
});

describe('a made tax code', () => {
  test('is valid here and for the oracle', () => {
    const random = new Random(seed);
    const form = new RegExp(`^${oracle.VALIDATOR.CODICE_FISCALE}$`);
    const numbers = [0, 1, TAX_CODE_COUNT - 1, ...Array.from({ length: 1_000 }, () => random.below(TAX_CODE_COUNT))];
    for (const number of numbers) {
      const code = makeTaxCode(number);
      expect(checkTaxCode(code)).toEqual({ ok: true, value: code });
      expect(code).toMatch(form);
      expect(oracle.CheckDigitizer.checkDigit(code.slice(0, 15))).toBe(code[15]);
    }
  });

  test('belongs to its number alone, near and far', () => {
    const codes = new Set<string>();
    for (let number = 0; number < 10_000; number += 1) codes.add(makeTaxCode(number));
    for (let step = 1; step < 1_260; step += 1) codes.add(makeTaxCode(step * (TAX_CODE_COUNT / 1_260)));
    expect(codes.size).toBe(11_259);
  });

  test('is the same at every run', () => {
    expect([0, 1, 123_456_789].map(makeTaxCode)).toEqual(['BBBBBB40A01H501H', 'CBBBBB40A01F205P', 'TKWVGM41A01C351P']);
  });

  test.each([-1, 0.5, Number.NaN, TAX_CODE_COUNT])('there is none for %s', (number) => {
    expect(() => makeTaxCode(number)).toThrow('no tax code');
  });
});
