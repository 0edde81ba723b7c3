/**
 * One participant as eight 32-bit words, in memory and on disk alike (little endian on disk):
 *
 *   0  2^32 - 1 - count             more payments first
 *   1  last payment, bits 47..16    earlier first
 *   2  last payment, bits 15..0     | terms, bits 47..32
 *   3  terms, bits 31..0            earlier first
 *   4-7  citizen key, first hex digit highest
 *
 * So comparing words 0-3 as unsigned numbers is the order of domain 5.1, down to the tax code.
 */
import { BrokenInvariant, invariant } from '../assert.ts';
import type { CitizenKey } from '../contract.ts';
import type { Standing } from '../facts.ts';

export const ROW_WORDS = 8;
export const ROW_BYTES = 32;
export const COUNT_MAX = 0xffff_ffff;
/** So far apart are the keys (standingKey) of one count and the next. */
export const COUNT_KEYS = 2 ** 48;
/** Year 10889: 48 bits of milliseconds. */
export const INSTANT_MS_MAX = COUNT_KEYS - 1;

/** Words of one or more rows. `at`, here and elsewhere, is the index of a row's first word. */
export type Rows = Uint32Array<ArrayBuffer>;

const CITIZEN_DIGITS = 32;
/**
 * Value of each hex digit by its character code, -1 for anything else. Digits are random, so a branch on
 * "number or letter" would be mispredicted half the time.
 */
const HEX_DIGITS = Int8Array.from({ length: 256 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code)));
/** Character code of each hex digit: twice as fast as `toString(16)` and padding, or a table of texts. */
const HEX_CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Writes one row at word `at`. Throws BrokenInvariant for what no row can hold. */
export function writeRow(rows: Rows, at: number, citizen: CitizenKey, standing: Standing): void {
  writeStanding(rows, at, standing);
  writeCitizen(rows, at, citizen);
}

export function writeStanding(rows: Rows, at: number, standing: Standing): void {
  const { count, lastTrxMs, termsMs } = standing;
  const isInRange = isWhole(count, COUNT_MAX) && isWhole(lastTrxMs, INSTANT_MS_MAX) && isWhole(termsMs, INSTANT_MS_MAX);
  if (!isInRange) throw new BrokenInvariant(`no ranking holds the standing ${describeStanding(standing)}`);

  rows[at] = COUNT_MAX - count;
  rows[at + 1] = lastTrxMs / 0x1_0000;
  rows[at + 2] = (lastTrxMs << 16) | (termsMs / 0x1_0000_0000);
  rows[at + 3] = termsMs;
}

export function readStanding(rows: Rows, at: number): Standing {
  const middle = rows[at + 2]!;
  return {
    count: COUNT_MAX - rows[at]!,
    lastTrxMs: rows[at + 1]! * 0x1_0000 + (middle >>> 16),
    termsMs: (middle & 0xffff) * 0x1_0000_0000 + rows[at + 3]!,
  };
}

export function readCitizen(rows: Rows, at: number): CitizenKey {
  return wordText(rows[at + 4]!) + wordText(rows[at + 5]!) + wordText(rows[at + 6]!) + wordText(rows[at + 7]!);
}

/**
 * One number in the order of count and last payment: equal ones may still differ, later ones are never smaller. Exact
 * to the millisecond up to 32 payments, to 128 ms at 4,000: what is subtracted is rounded once, and rounding keeps order.
 */
export function standingKey(rows: Rows, at: number): number {
  return rows[at + 1]! * 0x1_0000 + (rows[at + 2]! >>> 16) - (COUNT_MAX - rows[at]!) * COUNT_KEYS;
}

/** Order of the two standings alone: negative, zero (equal in all three fields) or positive. */
export function compareStandings(left: Rows, leftAt: number, right: Rows, rightAt: number): number {
  if (left[leftAt]! !== right[rightAt]!) return left[leftAt]! < right[rightAt]! ? -1 : 1;
  if (left[leftAt + 1]! !== right[rightAt + 1]!) return left[leftAt + 1]! < right[rightAt + 1]! ? -1 : 1;
  if (left[leftAt + 2]! !== right[rightAt + 2]!) return left[leftAt + 2]! < right[rightAt + 2]! ? -1 : 1;
  if (left[leftAt + 3]! !== right[rightAt + 3]!) return left[leftAt + 3]! < right[rightAt + 3]! ? -1 : 1;
  return 0;
}

export function copyRow(target: Rows, targetAt: number, source: Rows, sourceAt: number): void {
  for (let word = 0; word < ROW_WORDS; word += 1) target[targetAt + word] = source[sourceAt + word]!;
}

export function isSameCitizen(left: Rows, leftAt: number, right: Rows, rightAt: number): boolean {
  return (
    left[leftAt + 4]! === right[rightAt + 4]! &&
    left[leftAt + 5]! === right[rightAt + 5]! &&
    left[leftAt + 6]! === right[rightAt + 6]! &&
    left[leftAt + 7]! === right[rightAt + 7]!
  );
}

export function describeStanding({ count, lastTrxMs, termsMs }: Standing): string {
  return `(count ${count}, last payment ${lastTrxMs}, terms ${termsMs})`;
}

function isWhole(value: number, max: number): boolean {
  return value >= 0 && value <= max && Math.floor(value) === value;
}

export function writeCitizen(rows: Rows, at: number, citizen: CitizenKey): void {
  invariant(citizen.length === CITIZEN_DIGITS, 'a citizen key has 32 hex digits');
  let seen = 0;
  for (let word = 0; word < 4; word += 1) {
    let value = 0;
    for (let index = word * 8; index < word * 8 + 8; index += 1) {
      const code = citizen.charCodeAt(index);
      const digit = HEX_DIGITS[code & 0xff]!;
      seen |= digit | (0xff - code);
      value = (value << 4) | digit;
    }
    rows[at + 4 + word] = value;
  }
  invariant(seen >= 0, 'a citizen key has lower-case hex digits only');
}

function wordText(word: number): string {
  return String.fromCharCode(
    HEX_CODES[word >>> 28]!,
    HEX_CODES[(word >>> 24) & 0xf]!,
    HEX_CODES[(word >>> 20) & 0xf]!,
    HEX_CODES[(word >>> 16) & 0xf]!,
    HEX_CODES[(word >>> 12) & 0xf]!,
    HEX_CODES[(word >>> 8) & 0xf]!,
    HEX_CODES[(word >>> 4) & 0xf]!,
    HEX_CODES[word & 0xf]!,
  );
}
