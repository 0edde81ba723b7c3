// Method: both sides of a desk on one thread, where the bell makes the other side answer at once. How a thread waits is
// seen in threads.test.ts.
import { expect, test } from 'vitest';
import { makeTaxCode, StorageFault } from '../../engine/index.ts';
import { AnsweringDesk, AskedDesk, createDesk } from '../../server/shards/tax-code-desk.ts';

function deskOver(taxCodeOf: (citizen: string) => string): AskedDesk {
  const desk = createDesk();
  const answering = new AnsweringDesk(desk, taxCodeOf);
  answering.look(); // Nobody has asked: nobody is answered.
  return new AskedDesk(desk, answering.look);
}

test('each question gets its own answer, also where there is no tax code', () => {
  const codes = new Map([
    ['a0'.repeat(16), makeTaxCode(1)],
    ['b1'.repeat(16), ''],
    ['c2'.repeat(16), makeTaxCode(2)],
  ]);
  const desk = deskOver((citizen) => codes.get(citizen)!);
  for (const [citizen, code] of [...codes, ...codes]) expect(desk.taxCodeOf(citizen)).toBe(code);
});

test('a key that is gone is the fault of the storage for who asked, and the next question is answered', () => {
  const fault = new StorageFault('SEAL_BROKEN', 'personal data under key 7 cannot be read');
  let isBroken = true;
  const desk = deskOver(() => {
    if (isBroken) throw fault;
    return makeTaxCode(1);
  });
  expect(() => desk.taxCodeOf('a0'.repeat(16))).toThrow(
    expect.objectContaining({ code: fault.code, message: fault.message }),
  );
  isBroken = false;
  expect(desk.taxCodeOf('a0'.repeat(16))).toBe(makeTaxCode(1));
});
