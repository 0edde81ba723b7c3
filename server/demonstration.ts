/**
 * Fills a new folder for a newcomer: citizens, cards and three weeks of payments, through the engine's own door,
 * at the instants at which they would have happened. The same day gives the same population.
 */

import { createHash } from 'node:crypto';
import {
  APP_CHANNEL,
  type CommandReply,
  type Engine,
  type Hpan,
  invariant,
  makeIban,
  makeTaxCode,
  type TransactionRecord,
  type WalletCommandBody,
} from '../engine/index.ts';

export interface DemonstrationOptions {
  readonly engine: Engine;
  /** Moves the engine's clock; never back. */
  readonly setNow: (ms: number) => void;
  readonly endMs: number;
  readonly citizenCount?: number;
}

const CITIZENS = 2_000;
const DAYS = 21;
const DAY_MS = 86_400_000;
/** Sent at once: far below what a mailbox holds. */
const AT_ONCE = 1_000;

export async function fillDemonstration(options: DemonstrationOptions): Promise<void> {
  const { engine, setNow, endMs, citizenCount = CITIZENS } = options;
  const startMs = endMs - (DAYS + 1) * DAY_MS;
  const random = new Lcg(20_201_208);
  const citizens = Array.from({ length: citizenCount }, (_, index) => newCitizen(engine, index, random));

  for (const [step, bodiesOf] of JOINING.entries()) {
    setNow(startMs + step * 3_600_000);
    const commands = citizens.flatMap((citizen, index) =>
      bodiesOf(citizen).map((body, at) => ({ citizen, body, id: commandId(step, index, at) })),
    );
    await inBatches(commands, ({ citizen, body, id }) => execute(engine, citizen, body, id));
  }
  for (let day = 1; day <= DAYS; day += 1) {
    const nowMs = startMs + (day + 1) * DAY_MS;
    setNow(nowMs);
    const payments = citizens.flatMap((citizen) => paymentsOfDay(citizen, nowMs - DAY_MS / 2, random));
    await inBatches(
      payments,
      (record) => new Promise((resolve) => engine.record({ record, receivedMs: nowMs }, resolve)),
    );
  }
  setNow(endMs);
}

interface DemoCitizen {
  readonly number: number;
  readonly taxCode: string;
  readonly key: string;
  readonly cards: readonly Hpan[];
  readonly hasIban: boolean;
  /** Payments on an average day. */
  readonly habit: number;
}

const DETAILS = { methodKind: 'card', expiry: '2029-12', issuerAbi: '03069' } as const;

/** What a citizen does in the first hours, step by step. */
const JOINING: readonly ((citizen: DemoCitizen) => readonly WalletCommandBody[])[] = [
  () => [{ kind: 'enrol' }],
  ({ cards, number }) =>
    cards.map((hpan, at) => ({
      kind: 'addMethod',
      hpan,
      details: { ...DETAILS, brand: at === 0 ? 'VISA' : 'MASTERCARD', lastDigits: String(1_000 + (number % 9_000)) },
    })),
  () => [{ kind: 'enableAll' }],
  ({ hasIban, number, taxCode }) =>
    hasIban
      ? [
          {
            kind: 'setIban',
            iban: makeIban(number),
            accountHolderCF: taxCode,
            accountHolderName: 'Nome',
            accountHolderSurname: 'Cognome',
          },
        ]
      : [],
];

function newCitizen(engine: Engine, number: number, random: Lcg): DemoCitizen {
  const taxCode = makeTaxCode(number);
  const cardCount = random.next() < 0.33 ? 1 : 2;
  const cards = Array.from({ length: cardCount }, (_, at) =>
    createHash('sha256').update(`demonstration card ${number} ${at}`).digest('hex'),
  );
  // Few pay by card all day, many now and then.
  const habit = 0.05 + 1.4 * random.next() ** 3;
  return { number, taxCode, key: engine.citizenKeyOf(taxCode), cards, hasIban: random.next() < 0.7, habit };
}

function paymentsOfDay({ number, cards, habit }: DemoCitizen, noonMs: number, random: Lcg): TransactionRecord[] {
  const payments: TransactionRecord[] = [];
  for (let left = habit; left > random.next(); left -= 1) {
    const hpan = cards[random.below(cards.length)];
    invariant(hpan !== undefined, 'a citizen of the demonstration has a card');
    const trxMs = Math.floor(noonMs - 14_400_000 + random.next() * 28_800_000);
    payments.push({
      acquirerCode: '36081',
      operationType: '00',
      circuitType: '01',
      hpan,
      trxMs,
      idTrxAcquirer: `DEMO${number}T${trxMs}N${payments.length}`,
      idTrxIssuer: '',
      correlationId: '',
      amountCents: 50 + Math.floor(-4_000 * Math.log(1 - random.next())),
      acquirerId: '09509',
      merchantId: String(400_000_000_000 + random.below(5_000)),
      terminalId: '80205001',
    });
  }
  return payments;
}

function execute(engine: Engine, citizen: DemoCitizen, body: WalletCommandBody, id: string): Promise<void> {
  const origin = { role: 'citizen', subject: citizen.key, channel: APP_CHANNEL } as const;
  const { key, taxCode } = citizen;
  return new Promise((resolve, reject) => {
    engine.execute({ citizen: key, taxCode, origin, id, body }, (reply: CommandReply) => {
      if (reply.ok) resolve();
      else reject(new Error(`the demonstration's ${body.kind} was refused: ${reply.code}`));
    });
  });
}

async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < items.length; index += AT_ONCE) {
    await Promise.all(items.slice(index, index + AT_ONCE).map(act));
  }
}

function commandId(step: number, citizen: number, at: number): string {
  return createHash('sha256').update(`demonstration ${step} ${citizen} ${at}`).digest('hex').slice(0, 32);
}

/** A seeded generator (Numerical Recipes): a demonstration needs variety, not quality. */
class Lcg {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 4_294_967_296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}
