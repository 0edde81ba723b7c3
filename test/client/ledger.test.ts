// Method: the replay's own idea of the rules is held to the golden vectors of the domain that concern it, and to
// hand-made cases where a rule changes the answer: activation day, reversal, tie.
import { describe, expect, test } from 'vitest';
import { Ledger, scoreCents } from '../../client/replay/ledger.ts';
import { Population } from '../../client/replay/population.ts';
import {
  DAY_COUNT,
  FIRST_DAY_MS,
  filesOfDay,
  inventPurchases,
  type Purchase,
  sendingMsOfDay,
} from '../../client/replay/purchases.ts';
import { romeDay } from '../../client/rome.ts';
import { seed } from '../support/random.ts';

const [ANNA, BRUNO] = ['AAAAAA99A01X001A', 'BBBBBB99A01X001B'];
const TERMS = Date.parse('2020-12-07T10:00:00+01:00');
const ACTIVATION = Date.parse('2020-12-07T10:05:00+01:00');

function ledgerOf(...holders: readonly (readonly [string, string, number])[]): Ledger {
  const ledger = new Ledger();
  for (const [taxCode, hpan, activationMs] of holders) {
    ledger.note({ taxCode, id: `enrol ${taxCode}`, kind: 'enrol', hpan: null, answer: { termsMs: TERMS } });
    ledger.note({ taxCode, id: `enable ${taxCode} ${hpan}`, kind: 'enableCashback', hpan, answer: { activationMs } });
  }
  return ledger;
}

function paid(hpan: string, when: string, amountCents = 1_000): Purchase {
  const trxMs = Date.parse(when);
  const rest = { acquirer: '36081', circuitType: '01', idTrxAcquirer: when, correlationId: '', merchant: 1 };
  return { hpan, trxMs, paidMs: trxMs, amountCents, isReversal: false, ...rest };
}

describe('the ledger', () => {
  test('scores as the golden vectors G02 and G03 say', () => {
    expect([1, 5, 6, 15, 1_005, 1_006, 3_617].map(scoreCents)).toEqual([0, 0, 1, 1, 100, 101, 362]);
    expect([14_994, 14_995, 14_996, 14_999, 15_000, 15_001, 70_000].map(scoreCents)).toEqual([
      1_499, 1_499, 1_500, 1_500, 1_500, 1_500, 1_500,
    ]);
  });

  test('the activation day does not count, the day after does (G23)', () => {
    const ledger = ledgerOf([ANNA, 'card', Date.parse('2020-12-08T09:00:00+01:00')]);
    expect(ledger.ownerOf(paid('card', '2020-12-08T20:00:00+01:00'))).toBeNull();
    expect(ledger.ownerOf(paid('card', '2020-12-09T00:00:00+01:00'))).toBe(ANNA);
    expect(ledger.ownerOf(paid('other', '2020-12-09T00:00:00+01:00'))).toBeNull();
  });

  test('a reversal takes back score and count, and does not move the last payment', () => {
    const ledger = ledgerOf([ANNA, 'card', ACTIVATION]);
    const [first, second] = [
      paid('card', '2020-12-08T10:00:00+01:00', 4_500),
      paid('card', '2020-12-09T10:00:00+01:00'),
    ];
    const back = { ...first!, isReversal: true, trxMs: first!.trxMs + 2 * 86_400_000 };
    expect(ledger.standings([first!, second!, back])).toEqual([
      { taxCode: ANNA, termsMs: TERMS, count: 1, rawCents: 100, lastTrxMs: second!.trxMs },
    ]);
  });

  test('of a payment that was dropped, the reversal is dropped too', () => {
    const ledger = ledgerOf([ANNA, 'card', Date.parse('2020-12-08T09:00:00+01:00')]);
    const payment = paid('card', '2020-12-08T10:00:00+01:00');
    expect(ledger.standings([payment, { ...payment, isReversal: true, trxMs: payment.trxMs + 86_400_000 }])).toEqual(
      [],
    );
  });

  test('equal counts: who made the last payment earlier is ahead; then the tax code decides', () => {
    const ledger = ledgerOf([BRUNO, 'b', ACTIVATION], [ANNA, 'a', ACTIVATION]);
    const order = (...purchases: Purchase[]) => ledger.standings(purchases).map(({ taxCode }) => taxCode);
    const [early, late] = ['2020-12-08T10:00:00+01:00', '2020-12-08T10:00:01+01:00'];
    expect(order(paid('a', late), paid('b', early))).toEqual([BRUNO, ANNA]);
    expect(order(paid('a', early), paid('b', early))).toEqual([ANNA, BRUNO]);
  });

  test('notices a card granted twice, and one id answered differently', () => {
    const ledger = ledgerOf([ANNA, 'card', ACTIVATION], [BRUNO, 'card', ACTIVATION]);
    expect(ledger.violations).toEqual([expect.stringContaining('two citizens')]);
    const enrol = { taxCode: ANNA, id: `enrol ${ANNA}`, kind: 'enrol', hpan: null };
    ledger.note({ ...enrol, answer: { termsMs: TERMS } });
    expect(ledger.violations).toHaveLength(1);
    ledger.note({ ...enrol, answer: { termsMs: TERMS + 1 } });
    expect(ledger.violations).toHaveLength(2);
  });
});

describe('the purchases', () => {
  const population = new Population(seed);
  const citizens = Array.from({ length: 2_000 }, (_, index) => population.citizen(index));
  const purchases = inventPurchases(seed, citizens, ({ pan }) => pan);

  test('stay within the eight days, one key each, and are the same for the same seed', () => {
    const days = purchases.map(({ trxMs }) => Math.floor((trxMs - FIRST_DAY_MS) / 86_400_000));
    expect(Math.min(...days)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...days)).toBeLessThan(DAY_COUNT);
    expect(new Set(purchases.map(({ idTrxAcquirer }) => idTrxAcquirer)).size).toBe(purchases.length);
    expect(inventPurchases(seed, citizens, ({ pan }) => pan)).toEqual(purchases);
  });

  test('each is in one file, of its sender and day, with fifteen columns', () => {
    const files = Array.from({ length: DAY_COUNT }, (_, day) => filesOfDay(purchases, day)).flat();
    expect(files.flatMap((file) => file.purchases)).toHaveLength(purchases.length);
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length);
    for (const { name, acquirer, content, purchases: rows } of files) {
      expect(name).toMatch(new RegExp(`^CSTAR\\.${acquirer}\\.TRNLOG\\.202012\\d\\d\\.020000\\.001\\.csv$`));
      const lines = content.trimEnd().split('\n');
      expect(lines).toHaveLength(rows.length);
      expect(lines.every((line) => line.split(';').length === 15)).toBe(true);
      const instants = lines.map((line) => Date.parse(line.split(';')[4]!));
      expect(instants).toEqual(rows.map(({ trxMs }) => trxMs));
    }
  });

  test('files are sent in the night after their day', () => {
    expect(romeDay(sendingMsOfDay(0))).toBe('2020-12-09');
    expect(filesOfDay(purchases, 0)[0]?.name).toContain('.20201209.');
  });
});
