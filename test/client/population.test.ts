// Method: twenty thousand citizens of a random seed are counted and held to the published figures, within what
// chance allows; documents are judged by packages that others wrote.
import { isValidIBAN } from 'ibantools';
import { describe, expect, test } from 'vitest';
import { FIGURES, inventTicketCents, Population } from '../../client/replay/population.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import { checkTaxCode } from '../../engine/programme/tax-code.ts';
import { seed } from '../support/random.ts';

const COUNT = 20_000;
const population = new Population(seed);
const citizens = Array.from({ length: COUNT }, (_, index) => population.citizen(index));
const instruments = citizens.flatMap((citizen) => citizen.instruments);

function share<T>(items: readonly T[], isOne: (item: T) => boolean): number {
  return items.filter(isOne).length / items.length;
}

/** Within five standard errors of a share: one run in two million fails by chance. */
function expectShare(found: number, expected: number, count: number): void {
  expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / count));
}

describe('the population', () => {
  test('the same seed gives the same citizens, whatever was asked for before', () => {
    const again = new Population(seed);
    const backwards = Array.from({ length: 500 }, (_, index) => again.citizen(499 - index)).reverse();
    expect(JSON.stringify(backwards)).toBe(JSON.stringify(citizens.slice(0, 500)));
    expect(new Population(seed + 1).citizen(7)).not.toEqual(citizens[7]);
  });

  test('has the published number of cards, share of PagoBANCOMAT and of IBANs', () => {
    expect(instruments.length / COUNT).toBeCloseTo(FIGURES.instrumentsPerCitizen, 1);
    expectShare(
      share(instruments, ({ brand }) => brand === 'PAGOBANCOMAT'),
      FIGURES.bancomatShare,
      instruments.length,
    );
    expectShare(
      share(citizens, ({ iban }) => iban !== null),
      FIGURES.ibanShare,
      COUNT,
    );
    expectShare(
      share(citizens, ({ borrowed }) => borrowed !== null),
      FIGURES.borrowedShare,
      COUNT,
    );
  });

  test('pays as often as the press counted on 15 December', () => {
    const payments = citizens.reduce((sum, { paymentCount }) => sum + paymentCount, 0);
    expect(payments / COUNT).toBeGreaterThan(FIGURES.paymentsPerCitizen * 0.9);
    expect(payments / COUNT).toBeLessThan(FIGURES.paymentsPerCitizen * 1.1);
    expectShare(
      share(citizens, ({ paymentCount }) => paymentCount >= 10),
      FIGURES.tenPaymentsShare,
      COUNT,
    );
  });

  test('spends 46 euro at a time on average, and half of the times less than 25', () => {
    const random = new SeededRandom(seed);
    const tickets = Array.from({ length: 100_000 }, () => inventTicketCents(random));
    expect(tickets.every((cents) => Number.isInteger(cents) && cents >= 1)).toBe(true);
    const mean = tickets.reduce((sum, cents) => sum + cents, 0) / tickets.length;
    expect(Math.abs(mean / FIGURES.meanTicketCents - 1)).toBeLessThan(0.04);
    expectShare(
      share(tickets, (cents) => cents < 2_500),
      FIGURES.below25EuroShare,
      tickets.length,
    );
  });

  test('every tax code and IBAN is correct in form, and no two citizens share one', () => {
    expect(citizens.filter(({ taxCode }) => !checkTaxCode(taxCode).ok)).toEqual([]);
    expect(citizens.filter(({ iban }) => iban !== null && !isValidIBAN(iban))).toEqual([]);
    expect(new Set(citizens.map(({ taxCode }) => taxCode)).size).toBe(COUNT);
  });

  test('every card number passes the check of ISO/IEC 7812, under an issuer number that was never assigned', () => {
    for (const { pan } of instruments.slice(0, 2_000)) {
      const sum = [...pan].reverse().reduce((total, digit, index) => {
        const value = Number(digit) * (1 + (index % 2));
        return total + (value > 9 ? value - 9 : value);
      }, 0);
      expect(sum % 10, pan).toBe(0);
      expect(pan).toMatch(/^999900\d{10}$/);
    }
    expect(new Set(instruments.map(({ pan }) => pan)).size).toBe(instruments.length);
  });
});
