// Method: one card alone. Its facts are folded and its records stand in a map; what a wallet would answer is said by
// hand, so that answers can come in every order in which other shards might give them.
import { describe, expect, test } from 'vitest';
import { draftOfCard, emptyCard, type LedgerEntry } from '../../engine/card/card.ts';
import { applyCardFact, isKnownCard } from '../../engine/card/card-facts.ts';
import { type CardEvent, decideCard } from '../../engine/card/card-machine.ts';
import { listChanges } from '../../engine/card/listed-reversals.ts';
import { type Decision, newDecision } from '../../engine/decision.ts';
import type { CardFact } from '../../engine/facts.ts';
import { italy2020, recordKeyText, type TransactionRecord } from '../../engine/index.ts';
import { placeAt } from '../../engine/place.ts';
import { outcomeText } from '../golden/vector.ts';
import { recordOf } from '../programme/ledger.ts';
import { hpan, instant } from '../support/world.ts';

const CARD = hpan(1);
const ANNA = 'a'.repeat(32);
const BRUNO = 'b'.repeat(32);
const DAY_MS = 86_400_000;
const ACTIVATED_MS = instant('2021-02-01T10:00:00+01:00');
const NOW_MS = instant('2021-02-12T12:00:00+01:00');
const H1 = italy2020().periods[1]!;

class Desk {
  card = emptyCard(CARD);
  nowMs = ACTIVATED_MS;
  readonly entries = new Map<number, LedgerEntry>();
  /** Records that were looked at. */
  looks = 0;

  /** A card that Anna has had for days. */
  static active(): Desk {
    const desk = new Desk();
    desk.activate(ANNA);
    desk.nowMs = NOW_MS;
    return desk;
  }

  decide(event: CardEvent): Decision {
    const decision = newDecision();
    const ledger = {
      entry: (place: number) => {
        this.looks += 1;
        return this.entries.get(place)!;
      },
      resolution: () => null,
      newPlace: () => placeAt(1, this.entries.size),
    };
    const periodOf = (awardPeriodId: number) => ({ ...H1, awardPeriodId });
    const keyOf = recordKeyText;
    decideCard({ card: this.card, nowMs: this.nowMs, decision, ledger, periodOf, keyOf }, event);
    const next = draftOfCard(this.card);
    for (const fact of decision.facts as readonly CardFact[]) {
      applyCardFact(next, fact);
      if (fact.kind === 'recordSet') this.entries.set(fact.entry.place, fact.entry);
    }
    this.card = next;
    return decision;
  }

  activate(citizen: string, isProvisional = false): Decision {
    return this.decide({ type: 'ACTIVATE', citizen, enrolment: 1, channel: 'app', master: CARD, isProvisional });
  }

  release(citizen: string, how: { readonly cancellationMs?: number; readonly isLeaving?: boolean } = {}): Decision {
    const { cancellationMs = null, isLeaving = false } = how;
    return this.decide({ type: 'RELEASE', citizen, enrolment: 1, cancellationMs, isLeaving });
  }

  take(fields: Partial<TransactionRecord>, awardPeriodId = H1.awardPeriodId): Decision {
    const record = recordOf({ hpan: CARD, trxMs: NOW_MS - DAY_MS, ...fields });
    const key = `${record.idTrxAcquirer} ${record.operationType}`;
    const period = { ...H1, awardPeriodId };
    const received = { key, record, receivedMs: this.nowMs, fileNumber: 0 };
    return this.decide({ type: 'RECORD', ...received, period, isClosed: false });
  }

  /** The wallet counts the newest payment. */
  counted(awardPeriodId = H1.awardPeriodId, place = this.newest.place): Decision {
    return this.decide({ type: 'COUNT_JUDGED', place, code: null, enrolment: 1, awardPeriodId, scoreCents: 100 });
  }

  judged(place: number, applied: boolean): Decision {
    return this.decide({ type: 'REVERSE_JUDGED', place, applied });
  }

  pay(fields: Partial<TransactionRecord>, awardPeriodId?: number): LedgerEntry {
    this.take({ amountCents: 1_000, ...fields }, awardPeriodId);
    const { place } = this.newest;
    this.counted(awardPeriodId, place);
    return this.entries.get(place)!;
  }

  reverse(fields: Partial<TransactionRecord>, awardPeriodId?: number): LedgerEntry {
    this.take({ amountCents: 1_000, operationType: '01', ...fields }, awardPeriodId);
    return this.newest;
  }

  get newest(): LedgerEntry {
    return this.entries.get(placeAt(1, this.entries.size - 1))!;
  }

  stateOf({ place }: LedgerEntry): string {
    return this.entries.get(place)!.state;
  }
}

function outcomesOf({ outcomes }: Decision): readonly string[] {
  return outcomes.map((one) => (one.kind === 'record' ? outcomeText(one.outcome) : one.kind));
}

describe('the owner of a card', () => {
  const AFTER_MS = ACTIVATED_MS + 10 * DAY_MS;

  test.each([
    ['before the activation is the activation', ACTIVATED_MS - 1, ACTIVATED_MS],
    ['after it is as asked', ACTIVATED_MS + 1, ACTIVATED_MS + 1],
    ['of this moment is as asked', AFTER_MS, AFTER_MS],
    ['in the future is now', AFTER_MS + 1, AFTER_MS],
    ['that nobody named is now', undefined, AFTER_MS],
  ])('DECISION 37: an end %s', (_, cancellationMs, deactivationMs) => {
    const desk = Desk.active();
    desk.nowMs = AFTER_MS;
    const { messages } = desk.release(ANNA, cancellationMs === undefined ? {} : { cancellationMs });
    const judged = { kind: 'releaseJudged', citizen: ANNA, hpan: CARD, deactivationMs, code: null };
    expect(messages).toEqual([judged]);
    expect(desk.card).toMatchObject({ status: 'inactive', history: [{ citizen: ANNA, deactivationMs }] });
    desk.nowMs += DAY_MS;
    expect(desk.release(ANNA).messages).toEqual([judged]);
  });

  test('who claims it again is told since when, and all others that it is taken', () => {
    const desk = Desk.active();
    const told = (citizen: string, activationMs: number | null) => [
      { kind: 'claimJudged', citizen, hpan: CARD, activationMs },
    ];
    expect(desk.activate(ANNA)).toMatchObject({ facts: [], messages: told(ANNA, ACTIVATED_MS) });
    expect(desk.activate(BRUNO)).toMatchObject({ facts: [], messages: told(BRUNO, null) });
  });

  test('a claim that is taken back leaves the card as it was, for its first claimant and after others', () => {
    const desk = new Desk();
    for (const status of ['absent', 'inactive']) {
      const { history } = desk.card;
      desk.activate(BRUNO, true);
      expect(desk.card.status).toBe('provisional');
      expect(desk.activate(ANNA).messages).toMatchObject([{ citizen: ANNA, activationMs: null }]);
      expect(desk.decide({ type: 'WITHDRAW', citizen: BRUNO }).messages).toMatchObject([
        { kind: 'claimJudged', citizen: BRUNO, activationMs: null },
      ]);
      expect(desk.card).toMatchObject({ status, history });
      desk.activate(ANNA);
      desk.release(ANNA);
    }
  });

  test('is forgotten where nobody ever had it, and known for who left it', () => {
    const desk = new Desk();
    expect(isKnownCard(desk.card)).toBe(false);
    expect(desk.release(BRUNO).messages).toMatchObject([{ code: 'INSTRUMENT_NOT_FOUND' }]);
    desk.activate(ANNA, true);
    expect(isKnownCard(desk.card)).toBe(true);
    const released = desk.release(BRUNO, { isLeaving: true });
    expect(released.messages).toMatchObject([{ citizen: BRUNO, deactivationMs: null, code: null }]);
    desk.decide({ type: 'WITHDRAW', citizen: ANNA });
    expect(desk.card).toMatchObject({ history: [], departed: [{ citizen: BRUNO, enrolment: 1 }] });
    expect(isKnownCard(desk.card)).toBe(true);
  });

  test('others than the owner may leave it, and not switch it off', () => {
    const desk = Desk.active();
    expect(desk.release(BRUNO)).toMatchObject({ facts: [], messages: [{ code: 'INSTRUMENT_NOT_YOURS' }] });
    expect(desk.release(BRUNO, { isLeaving: true }).messages).toMatchObject([{ deactivationMs: null, code: null }]);
    desk.release(ANNA, { isLeaving: true });
    expect(desk.card).toMatchObject({
      status: 'inactive',
      departed: [
        { citizen: BRUNO, enrolment: 1 },
        { citizen: ANNA, enrolment: 1 },
      ],
    });
    expect(desk.release(BRUNO)).toMatchObject({ facts: [], messages: [{ code: 'INSTRUMENT_NOT_YOURS' }] });
    expect(desk.release('c'.repeat(32), { isLeaving: true })).toMatchObject({ facts: [{ kind: 'ownerLeft' }] });
  });
});

describe('a record', () => {
  test('that is known comes in vain, near and far, and a forgotten one is taken again', () => {
    const desk = Desk.active();
    const ids = Array.from({ length: 30 }, (_, number) => ({
      idTrxAcquirer: `A${number}`,
      trxMs: NOW_MS - 900 + number,
    }));
    for (const id of ids) desk.pay(id);
    for (const id of ids) expect(outcomesOf(desk.take(id)), id.idTrxAcquirer).toEqual(['rejected DUPLICATE_RECORD']);
    for (const number of [0, 15, 29]) {
      const [place, entry] = [...desk.entries].find(([, one]) => one.key === `A${number} 00`)!;
      desk.entries.set(place, { ...entry, state: 'forgotten' });
      expect(outcomesOf(desk.take(ids[number]!)), `A${number}`).toEqual([]);
      desk.counted();
      expect(outcomesOf(desk.take(ids[number]!)), `A${number}`).toEqual(['rejected DUPLICATE_RECORD']);
    }
  });

  test('in its order costs no look, a late one as many as came since', () => {
    const desk = Desk.active();
    for (let number = 0; number < 30; number += 1)
      desk.pay({ idTrxAcquirer: `A${number}`, trxMs: NOW_MS - 900 + 10 * number });
    const looksFor = (trxMs: number) => {
      desk.looks = 0;
      desk.take({ idTrxAcquirer: `at ${trxMs}`, trxMs });
      const { looks } = desk;
      desk.counted();
      return looks;
    };
    // Eight stand in the card. Behind them it looks until it finds that nothing before is as late.
    expect(looksFor(NOW_MS - 900 + 300)).toBe(0);
    expect(looksFor(NOW_MS - 900 + 215)).toBe(3);
    expect(looksFor(NOW_MS - 900 + 195)).toBe(6);
  });

  test('waits while another is under way, and is asked of the owner of its day alone', () => {
    const desk = Desk.active();
    const { messages } = desk.take({ idTrxAcquirer: 'A' });
    expect(messages).toMatchObject([
      { kind: 'count', citizen: ANNA, receivedMs: NOW_MS, record: { idTrxAcquirer: 'A' } },
    ]);
    const second = desk.take({ idTrxAcquirer: 'B' });
    expect(second).toEqual({ ...newDecision(), isDeferred: true });
    const outcome = { status: 'counted', scoreCents: 100, awardPeriodId: 2 };
    expect(desk.counted().outcomes).toEqual([{ kind: 'record', key: 'A 00', outcome }]);
    expect(desk.take({ idTrxAcquirer: 'B' }).isDeferred).toBe(false);
  });

  test.each([
    ['TERMS_NOT_COVERED', 'dropped'],
    ['NO_AWARD_PERIOD', 'rejected'],
  ] as const)('of which its wallet says %s is %s and forgotten', (code, status) => {
    const desk = Desk.active();
    desk.take({ idTrxAcquirer: 'A' });
    const { place } = desk.newest;
    const judged = { place, code, enrolment: 1, awardPeriodId: 0, scoreCents: 0 };
    expect(outcomesOf(desk.decide({ type: 'COUNT_JUDGED', ...judged }))).toEqual([`${status} ${code}`]);
    expect(desk.newest).toMatchObject({ state: 'forgotten' });
    expect(desk.card.unanswered).toBe(0);
    expect(() => desk.decide({ type: 'COUNT_JUDGED', ...judged })).toThrow('answers only what its card asked');
  });
});

describe('a reversal', () => {
  const X = { correlationId: 'X' };

  test('takes from its payment what it says, and only when its owner’s wallet has taken it', () => {
    const desk = Desk.active();
    const payment = desk.pay({ idTrxAcquirer: 'P', ...X });
    const { messages } = desk.take({ idTrxAcquirer: 'R', operationType: '01', amountCents: 400, ...X });
    expect(messages).toMatchObject([
      { kind: 'reverse', citizen: ANNA, enrolment: 1, awardPeriodId: 2, scoreCents: -40, countDelta: 0 },
    ]);
    expect(desk.card).toMatchObject({ unanswered: 1, pending: [], reversals: 1, arrivals: 2 });
    expect(desk.entries.get(payment.place)).toMatchObject({ leftCents: 1_000 });
    expect(outcomesOf(desk.judged(desk.newest.place, true))).toEqual(['-0.40']);
    expect(desk.entries.get(payment.place)).toMatchObject({ leftCents: 600 });
    expect(desk.newest).toMatchObject({ state: 'applied', matched: payment.place, scoreCents: -40, leftCents: 0 });
    expect(desk.card.unanswered).toBe(0);
  });

  test('DECISION 22: waits anew, in its old place, when the owner left under it, and matches nothing of that owner', () => {
    const desk = Desk.active();
    const [first, second, other] = ['R1', 'R2', 'R3'].map((idTrxAcquirer) =>
      desk.reverse({ idTrxAcquirer, amountCents: 500, correlationId: idTrxAcquirer === 'R3' ? 'Y' : 'X' }),
    ) as [LedgerEntry, LedgerEntry, LedgerEntry];
    const payment = desk.pay({ idTrxAcquirer: 'P', ...X });
    expect(desk.stateOf(first)).toBe('asked');
    const gone = desk.judged(first.place, false);
    expect(gone.facts[0]).toEqual({ kind: 'ownerLeft', hpan: CARD, citizen: ANNA, enrolment: 1 });
    expect(gone.messages).toEqual([]);
    expect(outcomesOf(gone)).toEqual(['pending']);
    expect(desk.card.pending.map(({ place }) => place)).toEqual([first, second, other].map(({ place }) => place));
    expect(desk.card.unanswered).toBe(0);
    expect(desk.entries.get(first.place)).toEqual(first);
    expect(desk.entries.get(payment.place)).toMatchObject({ leftCents: 1_000 });

    const later = desk.reverse({ idTrxAcquirer: 'R4', amountCents: 100, ...X });
    expect(desk.stateOf(later)).toBe('pending');
  });

  test('DECISION 22: turns at once to a payment that its owner made after coming back', () => {
    const desk = Desk.active();
    desk.pay({ idTrxAcquirer: 'P', trxMs: NOW_MS - DAY_MS });
    const again = desk.pay({ idTrxAcquirer: 'Q', trxMs: NOW_MS - DAY_MS + 1 });
    desk.entries.set(again.place, { ...again, enrolment: 2 });
    const reversal = desk.reverse({ idTrxAcquirer: 'R' });
    const { outcomes, messages } = desk.judged(reversal.place, false);
    expect(outcomes).toEqual([]);
    expect(messages).toMatchObject([{ kind: 'reverse', citizen: ANNA, enrolment: 2, place: reversal.place }]);
  });

  test('of who is known to have left tells nothing twice', () => {
    const desk = Desk.active();
    desk.pay({ idTrxAcquirer: 'P', ...X });
    const { place } = desk.reverse({ idTrxAcquirer: 'R', ...X });
    desk.release(ANNA, { isLeaving: true });
    expect(desk.judged(place, false).facts.map(({ kind }) => kind)).toEqual(['recordSet']);
    expect(desk.card.departed).toEqual([{ citizen: ANNA, enrolment: 1 }]);
  });

  test('that comes after a payment could not be taken out, since its owner had left, finds nothing there', () => {
    const desk = Desk.active();
    const payment = desk.pay({ idTrxAcquirer: 'P', ...X });
    desk.decide({ type: 'EXCLUDE', payment, isExcluded: true, isClosed: false });
    expect(desk.judged(desk.newest.place, false).facts[0]).toEqual({
      ...{ kind: 'ownerLeft', hpan: CARD, citizen: ANNA, enrolment: 1 },
    });
    expect(desk.stateOf(desk.reverse({ idTrxAcquirer: 'R', ...X }))).toBe('pending');
    expect(desk.card.unanswered).toBe(0);
  });

  test('DECISION 23: those that wait are tried in the order received, one under way at a time', () => {
    const desk = Desk.active();
    const [first, second] = ['R1', 'R2'].map((idTrxAcquirer) =>
      desk.reverse({ idTrxAcquirer, amountCents: 600, ...X }),
    ) as [LedgerEntry, LedgerEntry];
    desk.pay({ idTrxAcquirer: 'P', ...X });
    expect([desk.stateOf(first), desk.stateOf(second)]).toEqual(['asked', 'pending']);
    expect(outcomesOf(desk.judged(first.place, true))).toEqual(['-0.60', 'parked REVERSAL_EXCEEDS']);
    expect(desk.entries.get(second.place)).toMatchObject({ state: 'parked', code: 'REVERSAL_EXCEEDS' });
    expect(desk.card.pending).toEqual([]);
  });

  test('is tried when its payment counts, though another payment is being taken out, and before that one is', () => {
    const desk = Desk.active();
    const other = desk.pay({ idTrxAcquirer: 'O', correlationId: 'Y' });
    const waiting = desk.reverse({ idTrxAcquirer: 'R', ...X });
    const exclude = (payment: LedgerEntry) =>
      desk.decide({ type: 'EXCLUDE', payment, isExcluded: true, isClosed: false });
    desk.take({ idTrxAcquirer: 'P', amountCents: 1_000, ...X });
    const { place } = desk.newest;
    exclude(other);
    desk.counted(H1.awardPeriodId, place);
    expect(desk.stateOf(waiting)).toBe('asked');
    expect(exclude(desk.entries.get(place)!).messages).toEqual([]); // Nothing is left of it.
    desk.judged(waiting.place, true);
    expect(desk.stateOf(waiting)).toBe('applied');
  });

  test('DECISION 23: is given up in the very millisecond in which its month ends', () => {
    const desk = Desk.active();
    const waiting = desk.reverse({ idTrxAcquirer: 'R', ...X });
    expect(waiting.expiresMs).toBe(instant('2021-03-12T12:00:00+01:00'));
    desk.nowMs = waiting.expiresMs - 1;
    expect(desk.decide({ type: 'EXPIRE' }).facts).toEqual([]);
    const another = desk.reverse({ idTrxAcquirer: 'S', correlationId: 'Y' });
    desk.nowMs = waiting.expiresMs;
    desk.decide({ type: 'EXPIRE' });
    expect([desk.stateOf(waiting), desk.stateOf(another)]).toEqual(['expired', 'pending']);
    expect(desk.card.pending).toEqual([{ place: another.place, expiresMs: another.expiresMs }]);
  });

  test.each([
    ['its payment', (desk: Desk) => desk.pay({ idTrxAcquirer: 'P', ...X })],
    ['another reversal', (desk: Desk) => desk.reverse({ idTrxAcquirer: 'S', correlationId: 'Y' })],
  ])('that is overdue when %s comes is given up first', (_, come) => {
    const desk = Desk.active();
    const waiting = desk.reverse({ idTrxAcquirer: 'R', ...X });
    desk.nowMs = waiting.expiresMs;
    come(desk);
    expect(desk.stateOf(waiting)).toBe('expired');
  });

  describe('that stands, DECISION 18', () => {
    const applied = () => {
      const desk = Desk.active();
      desk.pay({ idTrxAcquirer: 'P', ...X });
      const reversal = desk.reverse({ idTrxAcquirer: 'R', ...X });
      desk.judged(reversal.place, true);
      return { desk, isFlagged: () => desk.entries.get(reversal.place)!.flagged };
    };

    test('is flagged once when a second payment matches it too', () => {
      const { desk, isFlagged } = applied();
      expect(isFlagged()).toBe(false);
      desk.pay({ idTrxAcquirer: 'Q', ...X });
      expect(isFlagged()).toBe(true);
      desk.take({ idTrxAcquirer: 'S', ...X });
      const { facts } = desk.counted();
      expect(facts.map((fact) => fact.kind === 'recordSet' && fact.entry.key)).toEqual(['S 00']);
    });

    test.each<[string, Partial<TransactionRecord>, number?]>([
      ['with another correlation id', { correlationId: 'Y' }],
      ['without one', { correlationId: '' }],
      ['of another acquirer code', { ...X, acquirerCode: '02008' }],
      ['of another acquirer id', { ...X, acquirerId: '09510' }],
      ['of another period', X, 4],
    ])('is not by one %s', (_, fields, awardPeriodId) => {
      const { desk, isFlagged } = applied();
      desk.pay({ idTrxAcquirer: 'Q', ...fields }, awardPeriodId);
      expect(isFlagged()).toBe(false);
    });

    test('is not by a payment that was counted before it', () => {
      const desk = Desk.active();
      desk.pay({ idTrxAcquirer: 'P', correlationId: '' });
      const reversal = desk.reverse({ idTrxAcquirer: 'R', correlationId: '' });
      desk.judged(reversal.place, true);
      desk.pay({ idTrxAcquirer: 'Q', correlationId: '' });
      expect(desk.entries.get(reversal.place)).toMatchObject({ state: 'applied', flagged: false });
    });
  });
});

describe('the list of reversals', () => {
  const entry = (fields: Partial<LedgerEntry>): LedgerEntry => {
    const desk = Desk.active();
    return { ...desk.reverse({ idTrxAcquirer: 'R', correlationId: 'X' }), ...fields };
  };
  const changesOf = (one: LedgerEntry) => {
    const counters = { unanswered: 0, pending: [], arrivals: 1, reversals: 1 };
    return listChanges({ kind: 'recordSet', hpan: CARD, entry: one, ...counters });
  };
  const { place, expiresMs, receivedMs } = entry({});
  const waiting = `pending ${String(expiresMs).padStart(15, '0')} ${CARD} ${place}`;
  const seen = `${String(receivedMs).padStart(15, '0')} ${CARD} ${place}`;
  const seenRow = { hpan: CARD, place, atMs: receivedMs };

  test.each<[string, Partial<LedgerEntry>, readonly unknown[]]>([
    ['pending', {}, [[waiting, { hpan: CARD, place, atMs: expiresMs }]]],
    ['asked', { state: 'asked' }, [[waiting, null]]],
    ['expired', { state: 'expired' }, [[waiting, null]]],
    [
      'parked',
      { state: 'parked' },
      [
        [waiting, null],
        [`parked ${seen}`, seenRow],
      ],
    ],
    ['applied', { state: 'applied' }, []],
    ['flagged', { state: 'applied', flagged: true }, [[`flagged ${seen}`, seenRow]]],
    ['a payment', { record: recordOf({ hpan: CARD }) }, []],
  ])('follows one that is %s', (_, fields, changes) => {
    expect(changesOf(entry(fields))).toEqual(changes);
  });
});
