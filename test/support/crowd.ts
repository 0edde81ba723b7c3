/** Many citizens with a card each, through the engine's own door: as many commands at once as a mailbox takes. */
import type { CommandReply, RecordOutcome, Refused, TransactionRecord } from '../../engine/index.ts';
import { LIMITS, makeTaxCode } from '../../engine/index.ts';
import { type Citizen, hpan, type World } from './world.ts';

type Paid = Pick<TransactionRecord, 'trxMs' | 'amountCents'>;

/** Half a mailbox at a time: nothing is refused, and turns are as large as they get. */
const AT_ONCE = LIMITS.mailboxCountMax / 2;

export class Crowd {
  readonly #world: World;
  readonly #citizens: readonly Citizen[];
  #records = 0;

  private constructor(world: World, citizens: readonly Citizen[]) {
    this.#world = world;
    this.#citizens = citizens;
  }

  /** Member n has tax code n and card n, active from now on. */
  static async enrol(world: World, size: number): Promise<Crowd> {
    const citizens = Array.from({ length: size }, (_, member) => world.citizen(makeTaxCode(member)));
    await inBatches(size, async (member) => done(await citizens[member]!.do({ kind: 'enrol' })));
    await inBatches(size, async (member) =>
      done(await citizens[member]!.do({ kind: 'enableCashback', hpan: hpan(member) })),
    );
    return new Crowd(world, citizens);
  }

  citizen(member: number): Citizen {
    return this.#citizens[member]!;
  }

  /** One payment of each member that `paid` names. Throws for one that is not counted. */
  async pay(paid: (member: number) => Paid | null): Promise<void> {
    await inBatches(this.#citizens.length, async (member) => {
      const payment = paid(member);
      if (payment !== null) counted(await this.#world.send(this.#record(member, payment)));
    });
  }

  #record(member: number, { trxMs, amountCents }: Paid): TransactionRecord {
    this.#records += 1;
    return {
      acquirerCode: '36081',
      operationType: '00',
      circuitType: '01',
      hpan: hpan(member),
      trxMs,
      idTrxAcquirer: `CROWD${this.#records}`,
      idTrxIssuer: '',
      correlationId: '',
      amountCents,
      acquirerId: '09509',
      merchantId: 'M1',
      terminalId: 'T1',
    };
  }
}

async function inBatches(size: number, act: (member: number) => Promise<void>): Promise<void> {
  for (let first = 0; first < size; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, size - first);
    await Promise.all(Array.from({ length: count }, (_, index) => act(first + index)));
  }
}

function done(reply: CommandReply): void {
  if (!reply.ok) throw new Error(reply.code);
}

function counted(outcome: RecordOutcome | Refused): void {
  if (!('status' in outcome) || outcome.status !== 'counted') throw new Error(JSON.stringify(outcome));
}
