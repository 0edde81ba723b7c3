/**
 * A small history written by hand, fact by fact: two citizens who tie, a payment each, a partial reversal, a third
 * citizen who takes over a card and leaves, two activations with a token. For tests that damage one fact or one row and must hear of it.
 */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { CitizenKey, Hpan, TransactionRecord } from '../../engine/contract.ts';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Fact, Message, MessageBody, Section, Standing, TurnRecord } from '../../engine/facts.ts';
import { partitionOf } from '../../engine/partition.ts';
import { NOWHERE, pageOf, placeAt, withLine } from '../../engine/place.ts';
import type { RowAddress, RowChange, RowTable, RowTypes, Store } from '../../engine/ports.ts';
import { addOneMonth, canonicalJson, isReversal, italy2020, recordKeyText } from '../../engine/programme/index.ts';
import { type FoldTarget, foldTurn } from '../../engine/shard/fold.ts';
import type { Operation, PaymentRow } from '../../engine/wallet/wallet.ts';
import { type MemoryPersistence, openMemoryPersistence } from '../../snapshots/index.ts';

export const PROGRAMME = italy2020();
/** Tax codes in the order that decides a tie; keys in the other, so that only the seal can tell. */
export const ANNA = { taxCode: 'AAAAAA00A00A000A', key: 'f'.repeat(32) } as const;
export const BRUNO = { taxCode: 'BBBBBB00B00B000B', key: '0'.repeat(32) } as const;
export const CARLA = { taxCode: 'CCCCCC00C00C000C', key: '8'.repeat(32) } as const;
export const ANNAS_CARD: Hpan = 'a'.repeat(64);
export const BRUNOS_CARD: Hpan = '4'.repeat(64);
export const PAIRED_CARD: Hpan = '5'.repeat(64);
const PERIOD = 2;
const TERMS_MS = Date.parse('2021-01-04T09:00:00Z');
const PAID_MS = Date.parse('2021-01-10T12:00:00Z');

/** What a test may do to a history before it is stored. */
export interface Damage {
  readonly turns?: (turns: TurnRecord[]) => void;
  readonly rows?: (rows: RowChange[]) => void;
  /** Rows are folded up to here and the checkpoint says so; the rest is in the journal alone. */
  readonly checkpointAt?: number;
}

export async function tellStory(damage: Damage = {}): Promise<MemoryPersistence> {
  const persistence = await openMemoryPersistence();
  const store = persistence.stores[0]!;
  const turns = await writeStory(store);
  damage.turns?.(turns);
  for (const turn of turns) await store.journal.append(turn);

  const covered = turns.slice(0, damage.checkpointAt ?? turns.length);
  const rows = foldRows(covered);
  damage.rows?.(rows);
  await store.rows.write(rows);
  const ranked = { sequence: 0, copies: [] };
  await store.rows.setCheckpoint({ sequence: covered.length, partitions: sequencesAfter(covered), ranked });
  return persistence;
}

async function writeStory(store: Store): Promise<TurnRecord[]> {
  const scribe = new Scribe(store);
  const json = canonicalJson(PROGRAMME);
  scribe.turn(TERMS_MS, 0, [{ kind: 'programmeSet', json, hash: store.vault.digest(json) }]);
  for (const citizen of [ANNA, BRUNO, CARLA]) enrol(scribe, store, citizen);
  await store.vault.flush();

  claim(scribe, ANNA.key, ANNAS_CARD);
  claim(scribe, BRUNO.key, BRUNOS_CARD);
  pay(scribe, BRUNO.key, record(BRUNOS_CARD, 'B1', 3_000));
  const paid = pay(scribe, ANNA.key, record(ANNAS_CARD, 'A1', 10_000));
  reverse(scribe, ANNA.key, paid, { ...record(ANNAS_CARD, 'R1', 4_000), operationType: '01' });
  release(scribe, BRUNO.key, BRUNOS_CARD);
  claim(scribe, CARLA.key, BRUNOS_CARD);
  leave(scribe, CARLA.key, BRUNOS_CARD);
  activate(scribe, BRUNO.key, { card: PAIRED_CARD, token: '6'.repeat(64), isGranted: true });
  activate(scribe, BRUNO.key, { card: '7'.repeat(64), token: ANNAS_CARD, isGranted: false });
  return scribe.turns;
}

function enrol(scribe: Scribe, store: Store, { key: citizen, taxCode }: { key: CitizenKey; taxCode: string }): void {
  const slot = store.vault.newSlot();
  const sealedTaxCode = store.vault.seal(slot, taxCode);
  const [termsMs, optInStatus] = [TERMS_MS, 'NOREQ'] as const;
  const answer = { termsMs, optInStatus };
  const sequence = scribe.nextSequence(partitionOf(citizen));
  scribe.turn(TERMS_MS, partitionOf(citizen), [
    { kind: 'enrolled', citizen, enrolment: 1, termsMs, optInStatus, slot, sealedTaxCode },
    done(citizen, 'enrol', answer),
    // Sooner than an engine would, so that there is a page.
    {
      kind: 'commandsPaged',
      citizen,
      commands: [{ commandKey: 'enrol', bodyHash: '00', command: null, answer, sequence }],
    },
  ]);
}

function claim(scribe: Scribe, citizen: CitizenKey, hpan: Hpan): void {
  const [wallet, card] = [partitionOf(citizen), partitionOf(hpan)];
  const channel = 'app-io-channel';
  const nowMs = scribe.nowMs + 1;
  scribe.turn(nowMs, wallet, [{ kind: 'claimStarted', citizen, hpan, channel }], {
    kind: 'claim',
    citizen,
    hpan,
    enrolment: 1,
    channel,
    master: hpan,
    isProvisional: false,
  });
  const activationMs = nowMs;
  scribe.turn(
    nowMs,
    card,
    [{ kind: 'cardActivated', hpan, citizen, enrolment: 1, channel, master: hpan, activationMs }],
    { kind: 'claimJudged', citizen, hpan, activationMs },
  );
  scribe.turn(nowMs, wallet, [
    { kind: 'claimEnded', citizen, hpan, activationMs, atMs: nowMs },
    done(citizen, `enable ${hpan}`, { activationMs }),
  ]);
}

/** A card with a token, which is free, or somebody else's: then the card is given back (DECISION 38). */
function activate(
  scribe: Scribe,
  citizen: CitizenKey,
  { card, token, isGranted }: { readonly card: Hpan; readonly token: Hpan; readonly isGranted: boolean },
): void {
  const wallet = partitionOf(citizen);
  const [commandKey, channel, enrolment] = [`enable ${card}`, 'app-io-channel', 1];
  const [claimedMs, nowMs] = [scribe.nowMs + 1, scribe.nowMs + 2];
  const granted = [{ hpan: card, activationMs: claimedMs }];
  const begun: Operation = {
    ...{ commandKey, bodyHash: '00', kind: 'enableCashback', hpan: card, channel, cancellationMs: null },
    ...{ waiting: [card], next: [token], granted: [], refused: [], code: null },
  };
  const claimOf = (hpan: Hpan, isProvisional: boolean): MessageBody => ({
    kind: 'claim',
    citizen,
    hpan,
    enrolment,
    channel,
    master: card,
    isProvisional,
  });
  const set = (operation: Operation): Fact => ({ kind: 'operationSet', citizen, operation });
  const started = (hpan: Hpan): Fact => ({ kind: 'claimStarted', citizen, hpan, channel });
  const ended = (hpan: Hpan, activationMs: number | null): Fact => ({
    kind: 'claimEnded',
    citizen,
    hpan,
    activationMs,
    atMs: nowMs,
  });
  const of = { citizen, enrolment, channel, master: card };

  scribe.turn(claimedMs, wallet, [set(begun), started(card)], claimOf(card, true));
  const claimed: Fact = { kind: 'cardClaimed', hpan: card, ...of, activationMs: claimedMs };
  scribe.turn(claimedMs, partitionOf(card), [claimed], {
    kind: 'claimJudged',
    citizen,
    hpan: card,
    activationMs: claimedMs,
  });
  scribe.turn(
    nowMs,
    wallet,
    [set({ ...begun, waiting: [token], next: [], granted }), started(token)],
    claimOf(token, false),
  );
  const activated: Fact = { kind: 'cardActivated', hpan: token, ...of, activationMs: nowMs };
  const judged: MessageBody = { kind: 'claimJudged', citizen, hpan: token, activationMs: isGranted ? nowMs : null };
  scribe.turn(nowMs, partitionOf(token), isGranted ? [activated] : [], judged);
  if (isGranted) {
    const facts = [ended(card, claimedMs), ended(token, nowMs), done(citizen, commandKey, { activationMs: claimedMs })];
    scribe.turn(nowMs, wallet, facts, { kind: 'claimConfirmed', citizen, hpan: card });
    scribe.turn(nowMs, partitionOf(card), [{ kind: 'claimConfirmed', hpan: card }]);
    return;
  }
  const code = 'INSTRUMENT_TAKEN';
  const refused: Operation = { ...begun, waiting: [card], next: [], granted, refused: [token], code };
  scribe.turn(nowMs, wallet, [ended(token, null), set(refused)], { kind: 'claimWithdrawn', citizen, hpan: card });
  const withdrawn: Fact = { kind: 'claimWithdrawn', hpan: card, status: 'absent' };
  scribe.turn(nowMs, partitionOf(card), [withdrawn], { kind: 'claimJudged', citizen, hpan: card, activationMs: null });
  scribe.turn(nowMs, wallet, [ended(card, null), { kind: 'operationRefused', citizen, commandKey, code }]);
}

function release(scribe: Scribe, citizen: CitizenKey, hpan: Hpan): void {
  const [wallet, card] = [partitionOf(citizen), partitionOf(hpan)];
  const nowMs = scribe.nowMs + 1;
  const how = { enrolment: 1, cancellationMs: null, isLeaving: false };
  scribe.turn(nowMs, wallet, [{ kind: 'releaseStarted', citizen, hpan }], { kind: 'release', citizen, hpan, ...how });
  scribe.turn(nowMs, card, [{ kind: 'cardDeactivated', hpan, deactivationMs: nowMs }], {
    kind: 'releaseJudged',
    citizen,
    hpan,
    deactivationMs: nowMs,
    code: null,
  });
  scribe.turn(nowMs, wallet, [
    { kind: 'releaseEnded', citizen, hpan, deactivationMs: nowMs, atMs: nowMs },
    done(citizen, `disable ${hpan}`, {}),
  ]);
}

function leave(scribe: Scribe, citizen: CitizenKey, hpan: Hpan): void {
  const [wallet, card] = [partitionOf(citizen), partitionOf(hpan)];
  const nowMs = scribe.nowMs + 1;
  const how = { enrolment: 1, cancellationMs: null, isLeaving: true };
  scribe.turn(nowMs, wallet, [{ kind: 'left', citizen, cancellationMs: nowMs, removed: [] }], {
    kind: 'release',
    citizen,
    hpan,
    ...how,
  });
  scribe.turn(
    nowMs,
    card,
    [
      { kind: 'ownerLeft', hpan, citizen, enrolment: 1 },
      { kind: 'cardDeactivated', hpan, deactivationMs: nowMs },
    ],
    { kind: 'releaseJudged', citizen, hpan, deactivationMs: nowMs, code: null },
  );
  scribe.turn(nowMs, wallet, [
    { kind: 'releaseEnded', citizen, hpan, deactivationMs: nowMs, atMs: nowMs },
    done(citizen, 'leave', {}),
  ]);
}

/** The first record of its card. */
function pay(scribe: Scribe, citizen: CitizenKey, paid: TransactionRecord): { entry: LedgerEntry; listed: PaymentRow } {
  const { hpan } = paid;
  const receivedMs = PAID_MS + 1_000;
  const place = scribe.nextPlace(hpan);
  const asked = ledgerEntry(paid, { place, previous: NOWHERE, receivedMs, arrival: 0, citizen });
  const counters = { pending: [], arrivals: 1, reversals: 0 } as const;
  scribe.turn(receivedMs, partitionOf(hpan), [{ kind: 'recordSet', hpan, entry: asked, unanswered: 1, ...counters }], {
    kind: 'count',
    citizen,
    place,
    record: paid,
    receivedMs,
  });
  const scoreCents = paid.amountCents / 10;
  const after: Standing = { count: 1, lastTrxMs: paid.trxMs, termsMs: TERMS_MS };
  const line = { insertion: 0, amountCents: paid.amountCents, cashbackCents: scoreCents, countDelta: 1 };
  const payment = paymentRow(paid, { place: scribe.nextPlace(citizen), previous: NOWHERE, ...line });
  scribe.turn(
    receivedMs,
    partitionOf(citizen),
    [{ kind: 'paymentListed', citizen, payment, rawCents: scoreCents, before: null, after, atMs: receivedMs }],
    { kind: 'countJudged', hpan, place, code: null, enrolment: 1, awardPeriodId: PERIOD, scoreCents },
  );
  const entry = countedEntry(asked, paid.amountCents);
  scribe.turn(receivedMs, partitionOf(hpan), [{ kind: 'recordSet', hpan, entry, unanswered: 0, ...counters }]);
  return { entry, listed: payment };
}

/** The card's second record, of the payment that was its first. */
function reverse(
  scribe: Scribe,
  citizen: CitizenKey,
  { entry: paid, listed }: { readonly entry: LedgerEntry; readonly listed: PaymentRow },
  taken: TransactionRecord,
): void {
  const { hpan } = taken;
  const receivedMs = PAID_MS + 2_000;
  const place = scribe.nextPlace(hpan);
  const counters = { pending: [], arrivals: 2, reversals: 1 } as const;
  const scoreCents = -taken.amountCents / 10;
  const asked: LedgerEntry = {
    ...ledgerEntry(taken, { place, previous: paid.place, receivedMs, arrival: 1, citizen }),
    ...{ enrolment: 1, awardPeriodId: PERIOD, matched: paid.place, scoreCents },
  };
  scribe.turn(receivedMs, partitionOf(hpan), [{ kind: 'recordSet', hpan, entry: asked, unanswered: 1, ...counters }], {
    kind: 'reverse',
    citizen,
    enrolment: 1,
    place,
    record: taken,
    awardPeriodId: PERIOD,
    scoreCents,
    countDelta: 0,
  });
  const standing: Standing = { count: 1, lastTrxMs: paid.record.trxMs, termsMs: TERMS_MS };
  const line = { insertion: 1, amountCents: -taken.amountCents, cashbackCents: scoreCents, countDelta: 0 };
  const payment = paymentRow(taken, { place: scribe.nextPlace(citizen), previous: listed.place, ...line });
  const rawCents = paid.record.amountCents / 10 + scoreCents;
  const moved = { rawCents, before: standing, after: standing, atMs: receivedMs };
  scribe.turn(receivedMs, partitionOf(citizen), [{ kind: 'paymentListed', citizen, payment, ...moved }], {
    kind: 'reverseJudged',
    hpan,
    place,
    applied: true,
  });
  const counted = { ...paid, leftCents: paid.leftCents - taken.amountCents };
  scribe.turn(receivedMs, partitionOf(hpan), [
    { kind: 'recordSet', hpan, entry: counted, unanswered: 1, ...counters },
    { kind: 'recordSet', hpan, entry: { ...asked, state: 'applied' }, unanswered: 0, ...counters },
  ]);
}

function record(hpan: Hpan, idTrxAcquirer: string, amountCents: number): TransactionRecord {
  return {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan,
    trxMs: PAID_MS,
    idTrxAcquirer,
    idTrxIssuer: '',
    correlationId: 'C1',
    amountCents,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
  };
}

function ledgerEntry(
  of: TransactionRecord,
  as: Pick<LedgerEntry, 'place' | 'previous' | 'receivedMs' | 'arrival' | 'citizen'>,
): LedgerEntry {
  const unknown = { enrolment: 0, awardPeriodId: 0, scoreCents: 0, leftCents: 0, matched: NOWHERE, code: null };
  const expiresMs = isReversal(of) ? addOneMonth(as.receivedMs) : 0;
  const key = recordKeyText(of);
  return {
    record: of,
    key,
    latestMs: PAID_MS,
    state: 'asked',
    ...unknown,
    flagged: false,
    expiresMs,
    fileNumber: 0,
    ...as,
  };
}

function countedEntry(asked: LedgerEntry, leftCents: number): LedgerEntry {
  const scoreCents = asked.record.amountCents / 10;
  return { ...asked, state: 'counted', enrolment: 1, awardPeriodId: PERIOD, scoreCents, leftCents };
}

function paymentRow(
  { acquirerCode, acquirerId, operationType, circuitType, idTrxAcquirer, idTrxIssuer, hpan, trxMs }: TransactionRecord,
  line: Pick<PaymentRow, 'place' | 'previous' | 'insertion' | 'amountCents' | 'cashbackCents' | 'countDelta'>,
): PaymentRow {
  const of = { acquirerCode, acquirerId, operationType, circuitType, idTrxAcquirer, idTrxIssuer, hpan, trxMs };
  return { awardPeriodId: PERIOD, enrolment: 1, ...of, ...line };
}

function done(citizen: CitizenKey, commandKey: string, answer: Extract<Fact, { kind: 'commandDone' }>['answer']): Fact {
  return { kind: 'commandDone', citizen, commandKey, bodyHash: '00', command: null, answer };
}

/** Numbers turns, sections and messages; whoever is written next takes in all that waits for it. */
class Scribe {
  readonly turns: TurnRecord[] = [];
  readonly #epoch: number;
  readonly #sequences = new Map<number, number>();
  readonly #sent = new Map<string, number>();
  readonly #waiting = new Map<number, Map<number, number>>();

  constructor(store: Store) {
    this.#epoch = store.journal.epoch;
  }

  get nowMs(): number {
    return this.turns.at(-1)?.nowMs ?? 0;
  }

  nextSequence(partition: number): number {
    return (this.#sequences.get(partition) ?? 0) + 1;
  }

  /** Of the first line that the next turn of the entity's partition has. */
  nextPlace(entity: string): number {
    return placeAt(this.nextSequence(partitionOf(entity)), 0);
  }

  turn(nowMs: number, partition: number, facts: readonly Fact[], ...bodies: readonly MessageBody[]): void {
    const sequence = this.nextSequence(partition);
    this.#sequences.set(partition, sequence);
    const received = [...(this.#waiting.get(partition) ?? [])];
    this.#waiting.delete(partition);
    const sent = bodies.map((body) => this.#message(partition, body));
    const section: Section = { partition, sequence, facts, sent, within: [], received };
    this.turns.push({ epoch: this.#epoch, sequence: this.turns.length + 1, nowMs, sections: [section] });
  }

  #message(from: number, body: MessageBody): Message {
    const to = receiverOf(body);
    const sequence = (this.#sent.get(`${from}/${to}`) ?? 0) + 1;
    this.#sent.set(`${from}/${to}`, sequence);
    const waiting = this.#waiting.get(to) ?? new Map<number, number>();
    this.#waiting.set(to, waiting.set(from, sequence));
    return { from, to, sequence, body };
  }
}

function receiverOf(body: MessageBody): number {
  const isForCard = ['claim', 'claimConfirmed', 'claimWithdrawn', 'release', 'countJudged', 'reverseJudged'].includes(
    body.kind,
  );
  if (isForCard && 'hpan' in body) return partitionOf(body.hpan);
  return 'citizen' in body ? partitionOf(body.citizen) : 0;
}

/** Rows as the engine's own fold makes them. */
function foldRows(turns: readonly TurnRecord[]): RowChange[] {
  const rows = new Map<string, RowChange>();
  const set = (sequence: number, address: RowAddress, value: unknown) => {
    const key = [address.table, address.partition, address.entity, address.sub].join('/');
    rows.set(key, { address, sequence, value } as unknown as RowChange);
  };
  const held = (table: RowTable, partition: number, entity: string, sub: string) =>
    rows.get([table, partition, entity, sub].join('/'))?.value ?? undefined;
  const target = (sequence: number): FoldTarget => ({
    sequence,
    change(table, partition, entity, update) {
      const before = held(table, partition, entity, '') as Parameters<typeof update>[0];
      set(sequence, { table, partition, entity, sub: '' }, update(before));
    },
    setLine(table, partition, line) {
      const sub = pageOf(line.place);
      const before = held(table, partition, '', sub) as Parameters<typeof withLine<typeof table>>[0];
      set(sequence, { table, partition, entity: '', sub }, withLine(before, line));
    },
    put: (table, partition, entity, sub, value) => set(sequence, { table, partition, entity, sub }, value),
    waiting: (partition, to) =>
      (held('outbox', partition, '', String(to)) as RowTypes['outbox'] | undefined)?.messages ?? [],
  });
  for (const turn of turns) foldTurn(target, turn);
  return [...rows.values()];
}

function sequencesAfter(turns: readonly TurnRecord[]): number[] {
  const sequences = new Array<number>(PARTITION_COUNT).fill(0);
  for (const { sections } of turns) for (const { partition, sequence } of sections) sequences[partition] = sequence;
  return sequences;
}
