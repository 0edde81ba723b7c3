/** The requests that each workload sends, in the order in which one slot of one connection sends them. */
import { createHash } from 'node:crypto';
import { SeededRandom } from '../../client/replay/random.ts';
import { LIMITS, makeIban, makeTaxCode, romeText } from '../../engine/index.ts';
import { seededHpan } from '../seed/population.ts';
import type { LoadPlan } from './plan.ts';
import { blank, Ids, Template } from './template.ts';

/** Makes the next request of one slot. Null: this slot has nothing more to send. */
export type Slot = (ref: number) => Buffer | null;

export interface Sender {
  /** Sent first on each connection, one by one; their answers are not counted. */
  readonly greetings: readonly Slot[];
  slot(connection: number, slot: number): Slot;
}

const ID = blank(2, 32);
const HPAN = blank(3, 64);
const TAX_CODE = blank(4, 16);
const DETAILS = { methodKind: 'card', brand: 'VISA', lastDigits: '4242', expiry: '2026-12', issuerAbi: '03069' };
const HOLDER = { accountHolderCF: makeTaxCode(0), accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };

export function senderOf(plan: LoadPlan): Sender {
  const ids = new Ids(Date.now(), plan.run);
  switch (plan.workload) {
    case 'life':
      return lifeSender(plan, ids);
    case 'iban':
      return ibanSender(ids);
    case 'read':
      return readSender(ids);
    case 'seed':
      return seedSender(plan, ids);
    case 'payments':
      return paymentSender(plan);
    case 'cards':
      return cardSender(plan, ids);
  }
}

/** The card of a seeded citizen: spread over all partitions like the hash that it stands for. */
export function hpanOf(text: string): Buffer {
  return Buffer.from(createHash('sha256').update(text).digest('hex'));
}

function enrolment(ids: Ids): Slot {
  const enrol = new Template({ type: 'enrol', id: ID }, [ID]);
  return (ref) => enrol.fill(ref, [ids.next()]);
}

/**
 * A wallet remembers every card it ever claimed, so a slot goes round a few cards of its own rather than taking new
 * ones for ever; all slots of a connection together keep within the limit of a wallet.
 */
function lifeSender({ inFlight, run }: LoadPlan, ids: Ids): Sender {
  const steps = [
    new Template({ type: 'addMethod', id: ID, hpan: HPAN, details: DETAILS }, [ID, HPAN]),
    new Template({ type: 'enableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
    new Template({ type: 'setIban', id: ID, iban: makeIban(1), ...HOLDER }, [ID]),
    new Template({ type: 'disableCashback', id: ID, hpan: HPAN }, [ID, HPAN]),
    new Template({ type: 'removeMethod', id: ID, hpan: HPAN }, [ID, HPAN]),
  ];
  const cardCount = Math.max(1, Math.floor(LIMITS.methodCountMax / inFlight / 2));
  return {
    greetings: [enrolment(ids)],
    slot(connection, slot) {
      const cards = Array.from({ length: cardCount }, (_, card) => hpanOf(`${run} ${connection} ${slot} ${card}`));
      let sent = 0;
      return (ref) => {
        const step = steps[sent % steps.length]!;
        const card = cards[Math.floor(sent / steps.length) % cardCount]!;
        const isOfCard = sent % steps.length !== 2;
        sent += 1;
        return step.fill(ref, isOfCard ? [ids.next(), card] : [ids.next()]);
      };
    },
  };
}

function ibanSender(ids: Ids): Sender {
  const setIban = new Template({ type: 'setIban', id: ID, iban: makeIban(1), ...HOLDER }, [ID]);
  return { greetings: [enrolment(ids)], slot: () => (ref) => setIban.fill(ref, [ids.next()]) };
}

function readSender(ids: Ids): Sender {
  const read = new Template({ type: 'wallet' });
  return { greetings: [enrolment(ids)], slot: () => (ref) => read.fill(ref, []) };
}

/** Slots share one row of citizens; each slot takes a citizen through both steps before the next. */
function seedSender({ citizenCount = 0 }: LoadPlan, ids: Ids): Sender {
  const enrol = new Template({ type: 'enrol', id: ID, taxCode: TAX_CODE }, [ID, TAX_CODE]);
  const enable = new Template({ type: 'enableCashback', id: ID, taxCode: TAX_CODE, hpan: HPAN }, [ID, TAX_CODE, HPAN]);
  let next = 0;
  return {
    greetings: [],
    slot() {
      let enrolled: Buffer | null = null;
      let number = 0;
      return (ref) => {
        if (enrolled !== null) {
          const frame = enable.fill(ref, [ids.next(), enrolled, hpanOf(`seed ${number}`)]);
          enrolled = null;
          return frame;
        }
        if (next >= citizenCount) return null;
        number = next;
        next += 1;
        enrolled = Buffer.from(makeTaxCode(number));
        return enrol.fill(ref, [ids.next(), enrolled]);
      };
    },
  };
}

/** Each request is a new card of a citizen that nobody asked about just now: what it needs is in no cache. */
function cardSender({ populationSeed = 0, citizenCount = 1, run }: LoadPlan, ids: Ids): Sender {
  const enable = new Template({ type: 'enableCashback', id: ID, taxCode: TAX_CODE, hpan: HPAN }, [ID, TAX_CODE, HPAN]);
  const random = new SeededRandom(populationSeed, Number.parseInt(run, 16));
  let sent = 0;
  const slot = (ref: number) => {
    sent += 1;
    const taxCode = Buffer.from(makeTaxCode(random.below(citizenCount)));
    return enable.fill(ref, [ids.next(), taxCode, hpanOf(`${run} ${sent}`)]);
  };
  return { greetings: [], slot: () => slot };
}

/** The card of each next payment: of one citizen after the other, or drawn from a seeded population. */
function payingCards({ citizenCount = 1, populationSeed, run }: LoadPlan): () => Buffer {
  if (populationSeed !== undefined) {
    const random = new SeededRandom(populationSeed, Number.parseInt(run, 16));
    return () => Buffer.from(seededHpan(populationSeed, random.below(citizenCount), 0));
  }
  const cards = Array.from({ length: citizenCount }, (_, number) => hpanOf(`seed ${number}`));
  let next = 0;
  return () => {
    next += 1;
    return cards[(next - 1) % citizenCount]!;
  };
}

/** Each row is a new payment, a millisecond after the row before it. */
function paymentSender(plan: LoadPlan): Sender {
  const { batch, run } = plan;
  if (batch === undefined) throw new RangeError('a load of payments needs a batch');
  const { rowCount, trxMs, acquirer } = batch;
  const blanks = Array.from(
    { length: rowCount },
    (_, row) => [rowBlank(row, 64), rowBlank(row, 29), rowBlank(row, 24)] as const,
  );
  const rows = blanks.map(([hpan, trxDate, idTrxAcquirer]) => ({
    ...{ acquirerCode: acquirer, operationType: '00', circuitType: '01', hpan, trxDate, idTrxAcquirer },
    ...{ amountCents: 4_500, acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
  }));
  const template = new Template({ type: 'recordPayments', rows }, blanks.flat());
  const nextCard = payingCards(plan);
  let sent = 0;
  return {
    greetings: [],
    slot: () => (ref) => {
      const texts: Buffer[] = [];
      for (let row = 0; row < rowCount; row += 1) {
        const id = Buffer.from(`${run}${String(sent).padStart(19, '0')}`);
        texts.push(nextCard(), Buffer.from(romeText(trxMs + sent)), id);
        sent += 1;
      }
      return template.fill(ref, texts);
    },
  };
}

/** One for each row and width; the row's number stands in it as text. */
function rowBlank(row: number, length: number): string {
  return `${blank(5, 2)}${length}/${row}/`.padEnd(length, '\u0002');
}
