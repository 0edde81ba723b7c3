// Method: the matching vectors G17-G22b played on one card, then each condition of 3.3b broken alone, then seeded
// cards against the rule written as one filter over all payments.
import { describe, expect, test } from 'vitest';
import type { TransactionRecord } from '../../engine/contract.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { compareKeys, recordKeyText } from '../../engine/programme/record.ts';
import { matchReversal, type RememberedPayment } from '../../engine/programme/reversal.ts';
import { Random, seed } from '../support/random.ts';
import { entryOf, Ledger, recordOf } from './ledger.ts';

const period = italy2020().periods[1]!;

function remembered(fields: Partial<TransactionRecord>, leftCents?: number): RememberedPayment {
  const record = recordOf(fields);
  return { key: recordKeyText(record), entry: entryOf(record, { leftCents: leftCents ?? record.amountCents }) };
}

function match(reversal: Partial<TransactionRecord>, payments: readonly RememberedPayment[], awardPeriodId = 2) {
  return matchReversal({ record: recordOf({ operationType: '01', ...reversal }), awardPeriodId }, payments, period);
}

describe('golden vectors', () => {
  test('G17: without a correlation id only the full amount at the same shop matches', () => {
    const ledger = new Ledger(period);
    ledger.pay({ amountCents: 2000 });
    expect(ledger.reverse({ amountCents: 2000 })).toBe(-200);
    expect(ledger.reverse({ amountCents: 1999 })).toBe('none');
    expect([ledger.rawCents, ledger.count, ledger.pending]).toEqual([0, 0, 1]);
  });

  test('G18: a reversal that comes first waits for its payment', () => {
    const ledger = new Ledger(period);
    expect(ledger.reverse({ amountCents: 3000, correlationId: 'X' })).toBe('none');
    expect(ledger.pay({ amountCents: 3000, correlationId: 'X' })).toBe(300);
    expect([ledger.rawCents, ledger.count, ledger.pending]).toEqual([0, 0, 0]);
  });

  test('G20: a second total reversal still finds its payment and is parked', () => {
    const ledger = new Ledger(period);
    ledger.pay({ amountCents: 8000, correlationId: 'A' });
    expect(ledger.reverse({ amountCents: 8000, correlationId: 'A' })).toBe(-800);
    expect(ledger.reverse({ amountCents: 8000, correlationId: 'A' })).toBe('exceeds');
    expect([ledger.rawCents, ledger.count, ledger.parked]).toEqual([0, 0, 1]);
  });

  test.each([
    ['G22', 1000, 2000, 2000],
    ['G22b', 2000, 1000, 1000],
  ])('%s: two payments with one correlation id are ambiguous', (_name, first, second, reversed) => {
    const ledger = new Ledger(period);
    ledger.pay({ amountCents: first, correlationId: 'C' });
    ledger.pay({ amountCents: second, correlationId: 'C' });
    expect(ledger.reverse({ amountCents: reversed, correlationId: 'C' })).toBe('ambiguous');
    expect([ledger.rawCents, ledger.count, ledger.parked]).toEqual([300, 2, 1]);
  });

  test('a correlation id used again after a full reversal is ambiguous', () => {
    const ledger = new Ledger(period);
    ledger.pay({ amountCents: 1000, correlationId: 'C' });
    expect(ledger.reverse({ amountCents: 1000, correlationId: 'C' })).toBe(-100);
    ledger.pay({ amountCents: 2000, correlationId: 'C' });
    expect(ledger.reverse({ amountCents: 2000, correlationId: 'C' })).toBe('ambiguous');
  });
});

describe('with a correlation id', () => {
  const payment = remembered({ amountCents: 5000, correlationId: 'C' });
  const reversal = { amountCents: 5000, correlationId: 'C' };

  test('amount, merchant and terminal may differ', () => {
    const part = match({ ...reversal, amountCents: 2000, merchantId: 'M2', terminalId: 'T2' }, [payment]);
    expect(part).toEqual({ kind: 'matched', key: payment.key, scoreCents: -200, countDelta: 0, leftAfterCents: 3000 });
    const all = match(reversal, [payment]);
    expect(all).toEqual({ kind: 'matched', key: payment.key, scoreCents: -500, countDelta: -1, leftAfterCents: 0 });
  });

  test.each<[string, Partial<TransactionRecord>]>([
    ['correlation id', { correlationId: 'D' }],
    ['case of the correlation id', { correlationId: 'c' }],
    ['acquirer code', { acquirerCode: '02008' }],
    ['acquirer id', { acquirerId: '09510' }],
    ['card', { hpan: 'ba'.repeat(32) }],
  ])('another %s does not match', (_name, other) => {
    expect(match({ ...reversal, ...other }, [payment])).toEqual({ kind: 'none' });
  });

  test('another period does not match', () => {
    expect(match(reversal, [payment], 4)).toEqual({ kind: 'none' });
  });

  test.each(['asked', 'pending', 'applied', 'parked', 'expired'] as const)('a record that is %s does not', (state) => {
    const { key, entry } = payment;
    expect(match(reversal, [{ key, entry: { ...entry, state } }])).toEqual({ kind: 'none' });
  });

  test('one cent more than is left exceeds, the rest to the cent does not', () => {
    const partly = remembered({ amountCents: 5000, correlationId: 'C' }, 1234);
    expect(match({ ...reversal, amountCents: 1235 }, [partly])).toEqual({ kind: 'exceeds', key: partly.key });
    expect(match({ ...reversal, amountCents: 1234 }, [partly])).toMatchObject({ countDelta: -1, leftAfterCents: 0 });
  });

  test('a payment with nothing left still makes its correlation id ambiguous', () => {
    const spent = remembered({ amountCents: 700, correlationId: 'C', idTrxAcquirer: 'ARN2' }, 0);
    expect(match(reversal, [spent, payment])).toEqual({ kind: 'ambiguous' });
  });

  test('two payments without a correlation id are not joined by its absence', () => {
    const blank = remembered({ amountCents: 5000 });
    expect(match(reversal, [blank])).toEqual({ kind: 'none' });
  });
});

describe('without a correlation id', () => {
  const payment = remembered({ amountCents: 5000, correlationId: 'C' });
  const reversal = { amountCents: 5000 };

  test.each<[string, Partial<TransactionRecord>]>([
    ['amount', { amountCents: 4999 }],
    ['larger amount', { amountCents: 5001 }],
    ['merchant', { merchantId: 'M2' }],
    ['terminal', { terminalId: 'T2' }],
    ['acquirer code', { acquirerCode: '02008' }],
    ['acquirer id', { acquirerId: '09510' }],
  ])('another %s does not match', (_name, other) => {
    expect(match({ ...reversal, ...other }, [payment])).toEqual({ kind: 'none' });
  });

  test('a payment that has one matches too', () => {
    expect(match(reversal, [payment])).toMatchObject({ kind: 'matched', key: payment.key });
  });

  test('a payment partly or wholly reversed already does not match', () => {
    expect(match(reversal, [remembered({ amountCents: 5000 }, 4999)])).toEqual({ kind: 'none' });
    expect(match(reversal, [remembered({ amountCents: 5000 }, 0)])).toEqual({ kind: 'none' });
  });

  test('what is left of a larger payment is no full amount', () => {
    expect(match(reversal, [remembered({ amountCents: 8000 }, 5000)])).toEqual({ kind: 'none' });
  });

  test('the oldest is taken, and among equals the one whose key comes first', () => {
    const newer = remembered({ amountCents: 5000, trxMs: 2, idTrxAcquirer: 'ARN1' });
    const second = remembered({ amountCents: 5000, trxMs: 1, idTrxAcquirer: 'ARN9' });
    const first = remembered({ amountCents: 5000, trxMs: 1, idTrxAcquirer: 'ARN5' });
    for (const payments of [
      [newer, second, first],
      [first, second, newer],
    ]) {
      expect(match(reversal, payments)).toMatchObject({ kind: 'matched', key: first.key });
    }
    expect(match(reversal, [newer, second])).toMatchObject({ kind: 'matched', key: second.key });
  });
});

test('seeded cards match as the rule says, whatever the order in which payments are remembered', () => {
  const random = new Random(seed);
  for (let step = 0; step < 3_000; step += 1) {
    const fields = (): Partial<TransactionRecord> => ({
      trxMs: random.below(3),
      idTrxAcquirer: `ARN${random.below(1_000_000)}`,
      amountCents: 100 * (1 + random.below(3)),
      correlationId: random.pick(['', '', 'A', 'B', 'C']),
      merchantId: random.pick(['M1', 'M1', 'M2']),
      acquirerId: random.pick(['1', '1', '2']),
    });
    const payments = Array.from({ length: random.below(6) }, () => {
      const record = recordOf(fields());
      return remembered(record, random.pick([record.amountCents, record.amountCents, 50, 0]));
    });
    const reversal = recordOf(fields());
    const found = match(reversal, random.shuffle(payments));

    const fits = payments.filter(({ entry: { record, leftCents } }) => {
      if (record.acquirerId !== reversal.acquirerId) return false;
      if (reversal.correlationId !== '') return record.correlationId === reversal.correlationId;
      const isEqual = record.amountCents === reversal.amountCents && record.merchantId === reversal.merchantId;
      return isEqual && leftCents === reversal.amountCents;
    });
    const oldest = fits.reduce<RememberedPayment | undefined>((best, payment) => {
      if (best === undefined) return payment;
      const [left, right] = [payment.entry.record, best.entry.record];
      const isOlder = left.trxMs !== right.trxMs ? left.trxMs < right.trxMs : compareKeys(left, right) < 0;
      return isOlder ? payment : best;
    }, undefined);
    const expected = (): object => {
      if (oldest === undefined) return { kind: 'none' };
      if (reversal.correlationId !== '' && fits.length > 1) return { kind: 'ambiguous' };
      if (reversal.amountCents > oldest.entry.leftCents) return { kind: 'exceeds', key: oldest.key };
      const leftAfterCents = oldest.entry.leftCents - reversal.amountCents;
      return { kind: 'matched', key: oldest.key, leftAfterCents, countDelta: leftAfterCents === 0 ? -1 : 0 };
    };
    expect(found, `seed=${seed} step=${step}`).toMatchObject(expected());
  }
});
