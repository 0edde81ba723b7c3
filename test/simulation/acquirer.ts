/**
 * An acquirer whose rows come in files that are accounted for, some of them late, and name PARs of cards whose tokens nobody
 * has enrolled. What was acknowledged must hold for ever, and each row is held against the law when it is answered.
 */
import type { CitizenKey, Engine, ReceivedFile, RecordCommand, TransactionRecord } from '../../engine/index.ts';
import { dayNumberOf, dayStartMs, romeDayNumber } from '../../engine/index.ts';
import { FileOutcome } from '../../server/files/outcome.ts';
import { CARDS } from '../model/walk.ts';
import { Random } from '../support/random.ts';
import { hpan } from '../support/world.ts';
import { expectThat, Violation } from './fault.ts';
import type { StaffOptions } from './operator.ts';
import { isSame, type RecordReply } from './requests.ts';

/** No period is ever opened again for the last of them. */
export const FILES: readonly string[] = ['late-1.csv', 'late-2.csv', 'never.csv'];
const PARS = ['Q1', 'Q2'];
const TOKENS = [1_001, 1_002, 1_003, 1_004, 1_005, 1_006].map(hpan);
const DAY_MS = 86_400_000;
const CENTS = [1, 6, 1_009, 2_000, 40_000];

interface SetPar {
  readonly citizen: CitizenKey;
  readonly par: string;
}

export class Acquirer {
  /** Its own: what others draw does not depend on it. */
  readonly #random: Random;
  readonly #options: StaffOptions;
  readonly #pars = new Map<string, SetPar | null>();
  readonly #files: ReceivedFile[] = [];
  readonly #sent: TransactionRecord[] = [];
  #busyAt: Engine | null = null;

  constructor(seed: number, options: StaffOptions) {
    this.#random = new Random(seed + 0xacc);
    this.#options = options;
  }

  async act(engine: Engine, nowMs: number): Promise<void> {
    if (this.#busyAt === engine) return;
    this.#busyAt = engine;
    const isLate = engine.periodDetails().some(({ reopenedUntilMs }) => reopenedUntilMs !== null);
    const dice = this.#random.below(isLate ? 5 : 8);
    if (dice < 1) await this.#setPar(engine);
    else if (dice < 3) this.#sendRow(engine, nowMs);
    else if (dice < 5) await this.#deliver(engine, nowMs);
    this.#busyAt = null;
  }

  async #setPar(engine: Engine): Promise<void> {
    const card = this.#random.pick(CARDS);
    const [citizen, par] = [this.#random.pick(this.#options.citizens), this.#random.pick(PARS)];
    const before = this.#pars.get(card) ?? null;
    this.#pars.set(card, null);
    const set = await engine.setPar(citizen, card, par);
    if (set.ok && set.value) this.#options.scheduler.meet('a PAR was set');
    this.#pars.set(card, set.ok ? { citizen, par } : before);
  }

  /** By itself, over the network. */
  #sendRow(engine: Engine, nowMs: number): void {
    this.#options.requests.record(this.#row(engine, nowMs), undefined, this.#names());
  }

  /** Rows received together; what becomes of them is accounted for when all are answered. */
  async #deliver(engine: Engine, receivedMs: number): Promise<void> {
    const name = this.#random.pick(FILES);
    const digest = String(this.#random.below(4)).padStart(64, '0');
    const closeIntake = engine.openIntake(receivedMs);
    const opened = await engine.openFile({ sender: '36081', name, digest, receivedMs });
    if (!opened.ok) return closeIntake();
    const rows = Array.from({ length: 1 + this.#random.below(this.#random.pick([3, 3, 12])) }, (): RecordCommand => {
      const { fileNumber } = opened.value;
      return { record: this.#row(engine, receivedMs), receivedMs, fileNumber, ...this.#names(), file: name };
    });
    const replies = await Promise.all(rows.map((row) => this.#hand(engine, row)));
    closeIntake();
    const outcome = new FileOutcome();
    for (const [at, reply] of replies.entries()) {
      // Nobody says anything of a file of which not all was taken in.
      if ('ok' in reply) return;
      outcome.add(at + 1, reply, rows[at]!.record.amountCents);
    }
    const closed = await engine.closeFile({ ...opened.value, figures: outcome.figures() });
    if (!closed.ok) return;
    this.#files.push(closed.value);
    this.#options.scheduler.meet('a file was accounted for');
  }

  #hand(engine: Engine, row: RecordCommand): Promise<RecordReply> {
    return new Promise((resolve) => {
      engine.record(row, (reply) => {
        this.#options.requests.checkRecord(row, reply);
        resolve(reply);
      });
    });
  }

  #names(): Pick<RecordCommand, 'file' | 'par'> {
    const random = this.#random;
    return {
      ...(random.below(2) === 0 ? { file: random.pick(FILES) } : {}),
      ...(random.below(2) === 0 ? { par: random.pick(PARS) } : {}),
    };
  }

  #row(engine: Engine, nowMs: number): TransactionRecord {
    const random = this.#random;
    const dice = random.below(8);
    const earlier = this.#sent.length === 0 ? null : random.pick(this.#sent);
    if (earlier !== null && dice === 0) return earlier;
    const row = earlier !== null && dice < 3 ? this.#reversalOf(earlier) : this.#payment(this.#trxMs(engine, nowMs));
    this.#sent.push(row);
    return row;
  }

  /** In a period that is open again, if there is one. */
  #trxMs(engine: Engine, nowMs: number): number {
    const random = this.#random;
    const late = engine.periodDetails().find(({ reopenedUntilMs }) => reopenedUntilMs !== null);
    if (late === undefined || random.below(4) === 0) return nowMs - random.below(3 * DAY_MS);
    const [first, last] = [dayNumberOf(late.startDay)!, Math.min(dayNumberOf(late.endDay)!, romeDayNumber(nowMs))];
    return dayStartMs(first + random.below(last - first + 1)) + random.below(DAY_MS / 2);
  }

  #payment(trxMs: number): TransactionRecord {
    const random = this.#random;
    const number = this.#sent.length;
    return {
      ...{ acquirerCode: '36081', operationType: '02', circuitType: '01' },
      hpan: random.pick([...CARDS, ...TOKENS]),
      ...{ trxMs, idTrxAcquirer: `FILE${number}` },
      // As long as any text may be: few such rows fill a ring.
      idTrxIssuer: random.pick(['', 'I'.repeat(255)]),
      correlationId: random.pick(['', 'SHARED', `F${number}`, `F${number}`]),
      amountCents: random.pick(CENTS),
      ...{ acquirerId: '09509', merchantId: random.pick(['M1', 'M2']), terminalId: 'T1' },
    };
  }

  #reversalOf(earlier: TransactionRecord): TransactionRecord {
    const amountCents = Math.ceil(earlier.amountCents / (1 + this.#random.below(2)));
    return { ...earlier, operationType: '01', amountCents, idTrxAcquirer: `FILE${this.#sent.length}` };
  }

  /** Nobody dies any more: what was acknowledged is there. */
  async finish(engine: Engine): Promise<void> {
    expectThat(this.#busyAt !== engine, 'ended', () => 'an acquirer was never answered');
    for (const [card, set] of this.#pars) {
      if (set === null) continue;
      const again = await engine.setPar(set.citizen, card, set.par);
      const isNew = again.ok ? again.value : again.code !== 'INSTRUMENT_NOT_FOUND';
      expectThat(!isNew, 'acknowledged', () => `the PAR ${set.par} of ${card.slice(0, 4)} is new once more`);
    }
    for (const file of this.#files) await checkFile(engine, file);
  }
}

async function checkFile(engine: Engine, file: ReceivedFile): Promise<void> {
  const dayNumber = romeDayNumber(file.receivedMs);
  for (let cursor: string | undefined; ; ) {
    const page = await engine.receivedFiles({ dayNumber, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.ok) throw new Violation('liveness', `nobody says which files came: ${page.code}`);
    const found = page.value.files.find(({ fileNumber }) => fileNumber === file.fileNumber);
    if (found === undefined && page.value.nextCursor !== null) cursor = page.value.nextCursor;
    else
      return expectThat(
        isSame(found, file),
        'acknowledged',
        () => `file ${file.fileNumber} is ${JSON.stringify(found)}`,
      );
  }
}
