// Method: one stamp, held against its citizen, others, another folder, and every way to misspell it.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { Stamps } from '../../server/admission/stamps.ts';

const digestOf = (folder: string) => (text: string) =>
  createHash('sha256').update(`${folder} ${text}`).digest('hex').slice(0, 32);
const [anna, bruno] = [makeTaxCode(1), makeTaxCode(2)];

test('a stamp is its citizen’s, also after a restart, and nobody else’s nor of another folder', () => {
  const stamp = new Stamps(digestOf('here')).of(anna);
  const restarted = new Stamps(digestOf('here'));
  expect(stamp).toMatch(/^[\w-]{20}$/); // As a subprotocol may be spelled.
  expect(restarted.isOf(anna, stamp)).toBe(true);
  expect(restarted.isOf(bruno, stamp)).toBe(false);
  expect(new Stamps(digestOf('there')).isOf(anna, stamp)).toBe(false);
});

test('what is no stamp is none', () => {
  const stamps = new Stamps(digestOf('here'));
  const stamp = stamps.of(anna);
  for (let at = 0; at < stamp.length; at += 1) {
    const other = stamp[at] === 'A' ? 'B' : 'A';
    expect(stamps.isOf(anna, stamp.slice(0, at) + other + stamp.slice(at + 1)), `letter ${at}`).toBe(false);
    expect(stamps.isOf(anna, stamp.slice(0, at))).toBe(false);
  }
  for (const text of ['', `${stamp}A`, ` ${stamp}`, '='.repeat(20)]) expect(stamps.isOf(anna, text)).toBe(false);
});
