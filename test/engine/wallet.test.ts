// Method: one wallet alone. Its facts are folded as they come; what cards and records' partitions would say is said by
// hand, so that answers can come in every order, and every command meets every state of what is under way.
import { describe, expect, test } from 'vitest';
import type { PeriodParameters, TransactionRecord, WalletCommandKind } from '../../engine/contract.ts';
import { type Decision, newDecision } from '../../engine/decision.ts';
import type { WalletFact } from '../../engine/facts.ts';
import { LIMITS } from '../../engine/limits.ts';
import { NOWHERE, placeAt } from '../../engine/place.ts';
import { parseInstant } from '../../engine/programme/calendar.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { doneCommand, pageSub } from '../../engine/wallet/commands.ts';
import { draftOfWallet, emptyWallet } from '../../engine/wallet/wallet.ts';
import type { Asked, WalletEvent } from '../../engine/wallet/wallet-events.ts';
import { applyWalletFact, totalsOf } from '../../engine/wallet/wallet-facts.ts';
import { decideWallet } from '../../engine/wallet/wallet-machine.ts';
import { recordOf } from '../programme/ledger.ts';

const ME = 'a'.repeat(32);
const APP = 'app-io-channel';
const ISSUER = '12345';
const ENROLLED_MS = parseInstant('2021-02-01T10:00:00+01:00')!;
const LATER_MS = parseInstant('2021-02-12T12:00:00+01:00')!;
const SINCE_MS = LATER_MS - 1_000;
const [CHRISTMAS, H1] = italy2020().periods as [PeriodParameters, PeriodParameters];
const hpan = (number: number) => number.toString(16).padStart(64, '0');
const [CARD, TOKEN, OTHER] = [hpan(1), hpan(2), hpan(3)];
const details = { methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '', issuerAbi: '' } as const;

class Desk {
  wallet = emptyWallet(ME);
  nowMs = ENROLLED_MS;
  #commands = 0;
  #lines = 0;

  static enrolled(): Desk {
    const desk = new Desk();
    desk.enrol();
    desk.nowMs = LATER_MS;
    return desk;
  }

  decide(event: WalletEvent): Decision {
    const decision = newDecision();
    const newPlace = () => placeAt(1, this.#lines);
    decideWallet({ wallet: this.wallet, nowMs: this.nowMs, decision, newPlace }, event);
    const next = draftOfWallet(this.wallet);
    for (const fact of decision.facts as readonly WalletFact[]) {
      applyWalletFact(next, fact, 7);
      if (fact.kind === 'paymentListed') this.#lines += 1;
    }
    this.wallet = next;
    return decision;
  }

  asked(kind: WalletCommandKind, channel = APP): Asked {
    this.#commands += 1;
    return { commandKey: this.#commands.toString(16).padStart(32, '0'), bodyHash: 'h', kind, channel };
  }

  enrol(optInStatus?: 'ACCEPTED' | 'DENIED'): Decision {
    const body = { kind: 'enrol', ...(optInStatus === undefined ? {} : { optInStatus }) } as const;
    const identity = () => ({ slot: 5, sealedTaxCode: Uint8Array.of(9) });
    return this.decide({ type: 'ENROL', asked: this.asked('enrol'), body, identity, isExcluded: () => false });
  }
  leave(channel = APP, frozenPeriods: readonly number[] = []): Decision {
    return this.decide({ type: 'LEAVE', asked: this.asked('leave', channel), frozenPeriods });
  }
  setIban(checkStatus: 'OK' | 'KO' | 'UNKNOWN_PSP', isIbanValid = true): Decision {
    const seal = () => Uint8Array.of(checkStatus.length);
    return this.decide({ type: 'SET_IBAN', asked: this.asked('setIban'), isIbanValid, checkStatus, seal });
  }
  add(card: string): Decision {
    return this.decide({
      type: 'ADD_METHOD',
      asked: this.asked('addMethod'),
      body: { kind: 'addMethod', hpan: card, details },
    });
  }
  remove(card: string): Decision {
    const body = { kind: 'removeMethod', hpan: card } as const;
    return this.decide({ type: 'REMOVE_METHOD', asked: this.asked('removeMethod'), body });
  }
  enable(card: string, tokens?: readonly string[], channel = APP): Decision {
    const body = { kind: 'enableCashback', hpan: card, ...(tokens === undefined ? {} : { tokens }) } as const;
    return this.decide({ type: 'ENABLE', asked: this.asked('enableCashback', channel), body });
  }
  enableAll(): Decision {
    return this.decide({ type: 'ENABLE_ALL', asked: this.asked('enableAll') });
  }
  disable(card: string, cancellationMs?: number): Decision {
    const body = {
      kind: 'disableCashback',
      hpan: card,
      ...(cancellationMs === undefined ? {} : { cancellationMs }),
    } as const;
    return this.decide({ type: 'DISABLE', asked: this.asked('disableCashback'), body });
  }
  granted(card: string, activationMs: number | null = SINCE_MS): Decision {
    return this.decide({ type: 'CLAIM_JUDGED', hpan: card, activationMs });
  }
  released(
    card: string,
    deactivationMs: number | null = LATER_MS,
    code: 'INSTRUMENT_NOT_YOURS' | null = null,
  ): Decision {
    return this.decide({ type: 'RELEASE_JUDGED', hpan: card, deactivationMs, code });
  }
  /** A card that is on. */
  on(card: string, channel = APP): void {
    this.enable(card, undefined, channel);
    this.granted(card);
  }
  pay(fields: Partial<TransactionRecord>, period: PeriodParameters | null = H1): Decision {
    return this.decide({ type: 'COUNT', place: 77, record: recordOf({ hpan: CARD, ...fields }), period });
  }
  method(card: string) {
    return this.wallet.methods.find((method) => method.hpan === card);
  }
}

/** What the citizen is told. */
function answerOf({ outcomes }: Decision): unknown {
  expect(outcomes.length).toBeLessThanOrEqual(1);
  const [outcome] = outcomes;
  if (outcome === undefined) return 'nothing yet';
  if (outcome.kind === 'done') return outcome.answer;
  return outcome.kind === 'refused' ? outcome.code : outcome.kind;
}

const kindsOf = ({ messages }: Decision) => messages.map(({ kind }) => kind);
const NOT_YET = 'nothing yet';

describe('enrolling', () => {
  test('may bring a choice the first time, which a later enrolment does not', () => {
    const desk = new Desk();
    expect(answerOf(desk.enrol('ACCEPTED'))).toEqual({ termsMs: ENROLLED_MS, optInStatus: 'ACCEPTED' });
    expect(desk.wallet).toMatchObject({ status: 'enabled', enrolment: 1, termsMs: ENROLLED_MS, slot: 5 });
    expect(desk.wallet).toMatchObject({ updatedMs: ENROLLED_MS, sealedTaxCode: Uint8Array.of(9) });
    desk.nowMs = LATER_MS;
    desk.leave();
    expect(desk.wallet).toMatchObject({ status: 'disabled', cancellationMs: LATER_MS, optInStatus: 'NOREQ' });
    desk.nowMs = LATER_MS + 1;
    expect(answerOf(desk.enrol('ACCEPTED'))).toEqual({ termsMs: LATER_MS + 1, optInStatus: 'NOREQ' });
    expect(desk.wallet).toMatchObject({ enrolment: 2, termsMs: LATER_MS + 1, claimed: [] });
  });

  test('again changes nothing but a choice that was never made', () => {
    const desk = Desk.enrolled();
    const enrolled = { termsMs: ENROLLED_MS, optInStatus: 'NOREQ' };
    expect(answerOf(desk.enrol())).toEqual(enrolled);
    expect(desk.enrol().facts.map(({ kind }) => kind)).toEqual(['commandDone']);
    expect(answerOf(desk.enrol('DENIED'))).toEqual({ ...enrolled, optInStatus: 'DENIED' });
    expect(answerOf(desk.enrol('ACCEPTED'))).toEqual({ ...enrolled, optInStatus: 'DENIED' });
    expect(desk.wallet).toMatchObject({ enrolment: 1, termsMs: ENROLLED_MS, optInStatus: 'DENIED' });
  });

  test('is asked for before most things', () => {
    for (const [desk, code] of [
      [new Desk(), 'CITIZEN_NOT_FOUND'],
      [left(), 'CITIZEN_NOT_ENABLED'],
    ] as const) {
      expect(answerOf(desk.setIban('OK'))).toBe(code);
      expect(answerOf(desk.enable(CARD))).toBe('CITIZEN_NOT_ENABLED');
      expect(answerOf(desk.enableAll())).toBe('CITIZEN_NOT_ENABLED');
      expect(answerOf(desk.leave())).toEqual({});
      expect(answerOf(desk.remove(CARD))).toBe('METHOD_NOT_FOUND');
    }
    expect(answerOf(new Desk().add(CARD))).toBe('CITIZEN_NOT_FOUND');
    const desk = left();
    for (const facts of [['methodAdded', 'commandDone'], ['commandDone']]) {
      const added = desk.add(CARD);
      expect(answerOf(added)).toEqual({ hpan: CARD });
      expect(added.facts.map(({ kind }) => kind)).toEqual(facts);
    }
  });
});

function left(): Desk {
  const desk = Desk.enrolled();
  desk.leave();
  return desk;
}

describe('commands that are done', () => {
  const keyOf = (number: number) => number.toString(16).padStart(32, '0');

  test('are kept, the newest in the wallet and sixteen together on pages, and read only where they may be', () => {
    const desk = new Desk();
    desk.enrol();
    for (let number = 2; number <= 23; number += 1) {
      expect(desk.add(hpan(number)).facts.map(({ kind }) => kind)).toEqual(['methodAdded', 'commandDone']);
    }
    expect(desk.wallet).toMatchObject({ commands: { length: 23 }, pagedTo: '' });
    const paged = desk.wallet.commands.slice(0, 16);
    expect(desk.add(hpan(24)).facts[1]).toEqual({ kind: 'commandsPaged', citizen: ME, commands: paged });
    expect(pageSub(paged)).toBe(keyOf(16));
    expect(desk.wallet.pagedTo).toBe(keyOf(16));
    expect(desk.wallet.commands.map(({ commandKey }) => commandKey)).toEqual(
      Array.from({ length: 8 }, (_, index) => keyOf(17 + index)),
    );

    let asked = 0;
    const find = (key: string) =>
      doneCommand(desk.wallet, key, (citizen) => {
        asked += 1;
        return citizen === ME ? [['', { commands: paged }]] : [];
      });
    expect(find(keyOf(17))).toMatchObject({ command: 'addMethod', answer: { hpan: hpan(17) }, sequence: 7 });
    expect([find(keyOf(25)), asked]).toEqual([undefined, 0]);
    expect(find(keyOf(1))).toMatchObject({ command: 'enrol', commandKey: keyOf(1) });
    expect(find(keyOf(16))).toMatchObject({ answer: { hpan: hpan(16) } });
    // What stands before an id is whoever asked: ids alone are ordered.
    expect([find(`z${keyOf(25)}`), asked]).toEqual([undefined, 2]);
    expect([find(`z${keyOf(3)}`), asked]).toEqual([undefined, 3]);
  });
});

describe('an IBAN', () => {
  test('is kept unless it is malformed or the bank says no', () => {
    const desk = Desk.enrolled();
    expect(answerOf(desk.setIban('OK', false))).toBe('IBAN_INVALID');
    expect(answerOf(desk.setIban('KO'))).toEqual({ validationStatus: 'KO' });
    expect(desk.wallet.payoff).toBeNull();
    for (const checkStatus of ['OK', 'UNKNOWN_PSP'] as const) {
      desk.nowMs += 1;
      expect(answerOf(desk.setIban(checkStatus))).toEqual({ validationStatus: checkStatus });
      expect(desk.wallet.payoff).toEqual({ checkStatus, sealed: Uint8Array.of(checkStatus.length) });
      expect(desk.wallet.updatedMs).toBe(desk.nowMs);
    }
    desk.setIban('KO');
    expect(desk.wallet.payoff).toMatchObject({ checkStatus: 'UNKNOWN_PSP' });
    desk.leave();
    expect(desk.wallet.payoff).toBeNull();
  });
});

describe('a method', () => {
  test('is listed once and goes when it is removed', () => {
    const desk = Desk.enrolled();
    expect(answerOf(desk.add(CARD))).toEqual({ hpan: CARD });
    expect(desk.method(CARD)).toEqual({
      ...{ hpan: CARD, details, cashback: 'off', channel: '' },
      activationMs: null,
      deactivationMs: null,
    });
    expect(desk.wallet.updatedMs).toBe(LATER_MS);
    expect(desk.add(CARD).facts.map(({ kind }) => kind)).toEqual(['commandDone']);
    desk.add(OTHER);
    desk.nowMs += 1;
    expect(answerOf(desk.remove(CARD))).toEqual({});
    expect(desk.wallet).toMatchObject({ methods: [{ hpan: OTHER }], updatedMs: desk.nowMs });
    expect(answerOf(desk.remove(CARD))).toBe('METHOD_NOT_FOUND');
  });

  test('that is on gets its details and stays on, and is switched off before it is removed', () => {
    const desk = Desk.enrolled();
    desk.on(CARD);
    desk.add(CARD);
    expect(desk.method(CARD)).toMatchObject({ details, cashback: 'enabled', activationMs: SINCE_MS });
    const removed = desk.remove(CARD);
    expect([answerOf(removed), kindsOf(removed)]).toEqual([NOT_YET, ['release']]);
    expect(desk.method(CARD)).toMatchObject({ cashback: 'disabling' });
    expect(answerOf(desk.released(CARD))).toEqual({});
    expect(desk.wallet).toMatchObject({ methods: [], operations: [] });
  });

  test('beyond the last that a wallet holds is refused, whichever way it comes', () => {
    const desk = Desk.enrolled();
    for (let number = 1; number < LIMITS.methodCountMax; number += 1) desk.add(hpan(number));
    const [last, beyond] = [hpan(LIMITS.methodCountMax), hpan(LIMITS.methodCountMax + 1)];
    expect(answerOf(desk.enable(last, [beyond]))).toBe('TOO_MANY_METHODS');
    expect(answerOf(desk.enable(last, [CARD]))).toBe(NOT_YET);
    desk.granted(last, null);
    expect(answerOf(desk.add(last))).toEqual({ hpan: last });
    expect(answerOf(desk.add(beyond))).toBe('TOO_MANY_METHODS');
    expect(answerOf(desk.enable(beyond))).toBe('TOO_MANY_METHODS');
    expect(answerOf(desk.add(last))).toEqual({ hpan: last });
    expect(answerOf(desk.enable(last))).toBe(NOT_YET);
  });
});

describe('switching a card on', () => {
  test('asks the card, and has it when the card says so', () => {
    const desk = Desk.enrolled();
    const { messages } = desk.enable(CARD);
    expect(messages).toEqual([
      { kind: 'claim', citizen: ME, hpan: CARD, enrolment: 1, channel: APP, master: CARD, isProvisional: false },
    ]);
    expect(desk.method(CARD)).toMatchObject({ cashback: 'enabling', channel: APP, details: null });
    desk.nowMs += 5;
    const granted = desk.granted(CARD);
    expect([answerOf(granted), kindsOf(granted)]).toEqual([{ activationMs: SINCE_MS }, []]);
    expect(desk.method(CARD)).toMatchObject({ cashback: 'enabled', activationMs: SINCE_MS, deactivationMs: null });
    expect(desk.wallet).toMatchObject({ claimed: [CARD], operations: [], updatedMs: desk.nowMs });
    const again = desk.enable(CARD);
    expect([answerOf(again), kindsOf(again)]).toEqual([{ activationMs: SINCE_MS }, []]);
  });

  test('that is another’s leaves no trace but of what was listed', () => {
    const desk = Desk.enrolled();
    desk.enable(CARD);
    expect(answerOf(desk.granted(CARD, null))).toBe('INSTRUMENT_TAKEN');
    expect(desk.wallet).toMatchObject({ methods: [], claimed: [], operations: [] });
    desk.add(CARD);
    desk.enable(CARD);
    desk.granted(CARD, null);
    expect(desk.method(CARD)).toMatchObject({ details, cashback: 'off' });
    desk.on(OTHER);
    desk.disable(OTHER);
    desk.released(OTHER);
    desk.enable(OTHER);
    desk.granted(OTHER, null);
    // Leaving has to tell the card, which still knows its payments.
    expect(desk.wallet.claimed).toEqual([OTHER]);
    desk.enable(TOKEN);
    desk.granted(TOKEN, null);
    expect(desk.wallet.claimed).toEqual([OTHER]);
    expect(desk.method(OTHER)).toMatchObject({ cashback: 'off', activationMs: SINCE_MS });
  });

  test('DECISION 38: with its tokens asks for one after the other, and all hear of the end', () => {
    const desk = Desk.enrolled();
    desk.on(OTHER);
    const first = desk.enable(CARD, [TOKEN, CARD, OTHER, TOKEN]);
    expect(first.messages).toMatchObject([{ kind: 'claim', hpan: CARD, master: CARD, isProvisional: true }]);
    const second = desk.granted(CARD);
    expect([answerOf(second), second.messages]).toMatchObject([
      NOT_YET,
      [{ kind: 'claim', hpan: TOKEN, master: CARD, isProvisional: false }],
    ]);
    expect(desk.method(CARD)).toMatchObject({ cashback: 'enabling', activationMs: null });
    const last = desk.granted(TOKEN, SINCE_MS + 1);
    expect([answerOf(last), last.messages]).toEqual([
      { activationMs: SINCE_MS },
      [{ kind: 'claimConfirmed', citizen: ME, hpan: CARD }],
    ]);
    expect([CARD, TOKEN].map((card) => desk.method(card)?.activationMs)).toEqual([SINCE_MS, SINCE_MS + 1]);
  });

  test('DECISION 38: of which one is taken gives back what it got before it says so', () => {
    const desk = Desk.enrolled();
    desk.enable(CARD, [TOKEN, OTHER]);
    desk.granted(CARD);
    desk.granted(TOKEN);
    const refused = desk.granted(OTHER, null);
    expect([answerOf(refused), refused.messages]).toEqual([
      NOT_YET,
      [CARD, TOKEN].map((card) => ({ kind: 'claimWithdrawn', citizen: ME, hpan: card })),
    ]);
    expect(answerOf(desk.granted(CARD, null))).toBe(NOT_YET);
    expect(answerOf(desk.granted(TOKEN, null))).toBe('INSTRUMENT_TAKEN');
    expect(desk.wallet).toMatchObject({ methods: [], claimed: [], operations: [] });

    desk.enable(CARD, [TOKEN]);
    const first = desk.granted(CARD, null);
    expect([answerOf(first), kindsOf(first)]).toEqual(['INSTRUMENT_TAKEN', []]);
    expect(desk.wallet).toMatchObject({ methods: [], operations: [] });
  });

  test('DECISION 38: that is on already asks for its new tokens alone, and tells its own activation', () => {
    const desk = Desk.enrolled();
    desk.on(CARD);
    expect(desk.enable(CARD, [TOKEN]).messages).toMatchObject([{ hpan: TOKEN, master: CARD, isProvisional: false }]);
    // What a second device asks of the card meanwhile is answered after it.
    expect(desk.enable(CARD)).toEqual({ ...newDecision(), isDeferred: true });
    expect(answerOf(desk.granted(TOKEN, SINCE_MS + 1))).toEqual({ activationMs: SINCE_MS });
  });

  test('all at once asks all that are listed and off, each for itself', () => {
    const desk = Desk.enrolled();
    expect(answerOf(desk.enableAll())).toEqual({ enabled: [], refused: [] });
    desk.on(hpan(9));
    for (const card of [CARD, TOKEN, OTHER]) desk.add(card);
    desk.on(OTHER);
    const all = desk.enableAll();
    expect(all.messages).toMatchObject([
      { hpan: CARD, master: CARD, isProvisional: false },
      { hpan: TOKEN, master: TOKEN, isProvisional: false },
    ]);
    expect(desk.enableAll().isDeferred).toBe(true);
    expect(answerOf(desk.granted(TOKEN, null))).toBe(NOT_YET);
    expect(answerOf(desk.granted(CARD))).toEqual({ enabled: [CARD], refused: [TOKEN] });
    expect([CARD, TOKEN].map((card) => desk.method(card)?.cashback)).toEqual(['enabled', 'off']);
    expect(desk.wallet.operations).toEqual([]);
  });
});

describe('switching a card off', () => {
  test('tells the card when, and keeps what the card says', () => {
    const desk = Desk.enrolled();
    desk.on(CARD);
    const { messages } = desk.disable(CARD, SINCE_MS + 3);
    const release = { kind: 'release', citizen: ME, hpan: CARD, enrolment: 1, isLeaving: false };
    expect(messages).toEqual([{ ...release, cancellationMs: SINCE_MS + 3 }]);
    expect(desk.method(CARD)).toMatchObject({ cashback: 'disabling' });
    desk.nowMs += 5;
    expect(answerOf(desk.released(CARD, SINCE_MS + 4))).toEqual({});
    expect(desk.method(CARD)).toMatchObject({ cashback: 'off', activationMs: SINCE_MS, deactivationMs: SINCE_MS + 4 });
    expect(desk.wallet.updatedMs).toBe(desk.nowMs);
    expect(desk.disable(CARD).messages).toEqual([{ ...release, cancellationMs: null }]);
  });

  test('that is another’s is refused, and the method keeps its last end', () => {
    const desk = Desk.enrolled();
    desk.on(CARD);
    desk.disable(CARD);
    desk.released(CARD);
    desk.disable(CARD);
    expect(answerOf(desk.released(CARD, null, 'INSTRUMENT_NOT_YOURS'))).toBe('INSTRUMENT_NOT_YOURS');
    expect(desk.method(CARD)).toMatchObject({ cashback: 'off', deactivationMs: LATER_MS });
    expect(desk.wallet.operations).toEqual([]);
  });

  test('waits for whatever is under way with this card, and for nothing else', () => {
    const desk = Desk.enrolled();
    desk.enable(CARD, [TOKEN, OTHER]);
    for (const card of [CARD, TOKEN, OTHER]) {
      for (const asked of [desk.disable(card), desk.enable(card), desk.remove(card)])
        expect(asked.isDeferred).toBe(true);
    }
    expect(desk.enable(hpan(9), [TOKEN]).isDeferred).toBe(true);
    expect(kindsOf(desk.disable(hpan(9)))).toEqual(['release']);
    expect(desk.enable(hpan(9)).isDeferred).toBe(true);
    expect(desk.leave().isDeferred).toBe(true);
  });

  test('that nobody asked for is a mistake', () => {
    const desk = Desk.enrolled();
    expect(() => desk.released(CARD)).toThrow('answers only what an operation asked');
    expect(() => desk.granted(CARD)).toThrow('answers only what an operation asked');
  });
});

describe('leaving', () => {
  test('is done when every card that was ever claimed has heard', () => {
    const desk = Desk.enrolled();
    desk.on(CARD);
    desk.on(TOKEN);
    desk.remove(TOKEN);
    desk.released(TOKEN);
    const leaving = desk.leave();
    const release = { kind: 'release', citizen: ME, enrolment: 1, cancellationMs: null, isLeaving: true };
    expect(leaving.messages).toEqual([CARD, TOKEN].map((card) => ({ ...release, hpan: card })));
    expect(answerOf(leaving)).toBe(NOT_YET);
    expect(desk.wallet).toMatchObject({ status: 'disabled', updatedMs: LATER_MS });
    expect(desk.method(CARD)).toMatchObject({ cashback: 'disabling' });
    expect(answerOf(desk.released(CARD))).toBe(NOT_YET);
    expect(answerOf(desk.released(TOKEN, null))).toEqual({});
    expect(desk.method(CARD)).toMatchObject({ cashback: 'off', deactivationMs: LATER_MS });
    expect(desk.wallet.operations).toEqual([]);
  });

  test('leaves what is off as it is', () => {
    const desk = Desk.enrolled();
    desk.add(CARD);
    expect(answerOf(desk.leave())).toEqual({});
    expect(desk.method(CARD)).toMatchObject({ details, cashback: 'off' });
  });

  test.each([
    [APP, ISSUER, 'may always'],
    [ISSUER, ISSUER, 'may end what is its own'],
    [ISSUER, APP, 'may not end what is another’s'],
  ])('G44 through %s with a card of %s: who asks %s', (leavesBy, enabledBy, what) => {
    const desk = Desk.enrolled();
    desk.on(CARD, enabledBy);
    const refused = what.startsWith('may not');
    expect(answerOf(desk.leave(leavesBy))).toBe(refused ? 'TOO_MANY_CHANNELS' : NOT_YET);
    expect(desk.wallet.status).toBe(refused ? 'enabled' : 'disabled');
  });

  test('G44 is held back by one card of another’s among one’s own', () => {
    const desk = Desk.enrolled();
    desk.on(CARD, ISSUER);
    desk.on(OTHER, APP);
    expect(answerOf(desk.leave(ISSUER))).toBe('TOO_MANY_CHANNELS');
  });

  test('takes every open period with it', () => {
    const desk = Desk.enrolled();
    for (const period of [CHRISTMAS, H1]) desk.pay({ trxMs: SINCE_MS }, period);
    desk.leave();
    expect(desk.wallet.totals).toEqual([]);
  });

  test('G44 is not held back by a card that is off', () => {
    const desk = Desk.enrolled();
    desk.on(CARD, APP);
    desk.disable(CARD);
    desk.released(CARD);
    expect(answerOf(desk.leave(ISSUER))).toBe(NOT_YET);
  });

  test('DECISION 38: takes the open periods with it, frozen ones and those of earlier enrolments stand', () => {
    const desk = Desk.enrolled();
    desk.pay({ trxMs: SINCE_MS }, CHRISTMAS);
    desk.pay({ trxMs: SINCE_MS }, H1);
    const [fact] = desk.leave(APP, [CHRISTMAS.awardPeriodId]).facts;
    const before = { count: 1, lastTrxMs: SINCE_MS, termsMs: ENROLLED_MS };
    expect(fact).toMatchObject({ kind: 'left', removed: [{ awardPeriodId: 2, before }] });
    expect(desk.wallet.totals).toMatchObject([{ awardPeriodId: 1, enrolment: 1, count: 1 }]);
    expect(totalsOf(desk.wallet, 1)).toBeUndefined();
    desk.enrol();
    expect(totalsOf(desk.wallet, 1)).toBeUndefined();
    expect(desk.leave().facts[0]).toMatchObject({ kind: 'left', removed: [] });
  });
});

describe('a payment', () => {
  test('after the terms counts, in their very millisecond not', () => {
    const desk = Desk.enrolled();
    const judged = { kind: 'countJudged', hpan: CARD, place: 77, enrolment: 1 };
    expect(desk.pay({ trxMs: ENROLLED_MS })).toMatchObject({
      facts: [],
      messages: [{ ...judged, code: 'TERMS_NOT_COVERED', awardPeriodId: 0, scoreCents: 0 }],
    });
    expect(desk.pay({ trxMs: ENROLLED_MS + 1, amountCents: 1_000 }).messages).toEqual([
      { ...judged, code: null, awardPeriodId: 2, scoreCents: 100 },
    ]);
    expect(desk.pay({ trxMs: ENROLLED_MS + 1 }, null)).toMatchObject({
      facts: [],
      messages: [{ ...judged, code: 'NO_AWARD_PERIOD', awardPeriodId: 0, scoreCents: 0 }],
    });
    for (const other of [new Desk(), left()]) {
      expect(other.pay({ trxMs: LATER_MS + 1 }).messages).toMatchObject([{ code: 'TERMS_NOT_COVERED' }]);
    }
  });

  test('adds to the totals and to the chain of its period, and moves the standing', () => {
    const desk = Desk.enrolled();
    desk.nowMs += 1;
    const [first] = desk.pay({ trxMs: SINCE_MS, amountCents: 1_000 }).facts;
    const after = { count: 1, lastTrxMs: SINCE_MS, termsMs: ENROLLED_MS };
    expect(first).toMatchObject({ kind: 'paymentListed', rawCents: 100, before: null, after, atMs: desk.nowMs });
    expect(first).toMatchObject({ payment: { previous: NOWHERE, insertion: 0, amountCents: 1_000, countDelta: 1 } });
    // An earlier one counts, and leaves the last where it was.
    const [second] = desk.pay({ trxMs: SINCE_MS - 9, amountCents: 2_000 }).facts;
    expect(second).toMatchObject({ rawCents: 300, before: after, after: { ...after, count: 2 } });
    expect(second).toMatchObject({ payment: { previous: placeAt(1, 0), place: placeAt(1, 1), insertion: 1 } });
    const [other] = desk.pay({ trxMs: SINCE_MS }, CHRISTMAS).facts;
    expect(other).toMatchObject({ before: null, payment: { awardPeriodId: 1, previous: NOWHERE, insertion: 0 } });
    expect(desk.wallet.totals).toMatchObject([
      { awardPeriodId: 2, rawCents: 300, count: 2, lastTrxMs: SINCE_MS, insertions: 2, latest: placeAt(1, 1) },
      { awardPeriodId: 1, count: 1 },
    ]);
    expect(desk.wallet.updatedMs).toBe(desk.nowMs);
  });

  test('is taken back from the enrolment that it was counted in, and the last stays where it is', () => {
    const desk = Desk.enrolled();
    desk.pay({ trxMs: SINCE_MS, amountCents: 1_000 });
    const record = recordOf({ hpan: CARD, trxMs: SINCE_MS + 5, amountCents: 1_000, operationType: '01' });
    const reverse = (enrolment: number) =>
      desk.decide({ type: 'REVERSE', place: 9, record, enrolment, awardPeriodId: 2, scoreCents: -100, countDelta: -1 });
    const judged = { kind: 'reverseJudged', hpan: CARD, place: 9 };
    expect(reverse(0)).toMatchObject({ facts: [], messages: [{ ...judged, applied: false }] });
    const { facts, messages } = reverse(1);
    expect(messages).toEqual([{ ...judged, applied: true }]);
    expect(facts).toMatchObject([{ rawCents: 0, after: { count: 0, lastTrxMs: SINCE_MS } }]);
    expect(facts).toMatchObject([{ payment: { amountCents: -1_000, cashbackCents: -100, countDelta: -1 } }]);
    expect(() => reverse(1)).toThrow('takes back one counted payment');
    desk.leave();
    expect(reverse(1)).toMatchObject({ facts: [], messages: [{ ...judged, applied: false }] });
  });
});
