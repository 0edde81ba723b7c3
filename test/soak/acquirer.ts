/**
 * An acquirer that pays with the citizens' cards, in an open loop, and now and then with a file. A row without an answer is
 * sent until it has one; each that counts is remembered, and counted for its citizen.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../client/replay/random.ts';
import { isoText, type RecordOutcome } from '../../engine/index.ts';
import { Line, laterOn } from '../support/line.ts';
import { cardOf } from './citizens.ts';
import { type Entry, Ledger } from './ledger.ts';

export const ACQUIRER = '36081';
const ROWS_PER_FRAME = 20;
/** So many frames may be without an answer; what is due beyond them is not sent, and not made up for. */
const FRAMES_IN_FLIGHT_MAX = 40;
const TICK_MS = 5;
/** Beyond counting or not: they come again. */
const FOR_NOW: readonly unknown[] = ['OVERLOADED', 'DRAINING', 'STORAGE_FULL'];
const REPEATED = 'DUPLICATE_RECORD';

export interface AcquirerOptions {
  readonly url: string;
  readonly token: string;
  readonly citizenCount: number;
  /** Path of a file of its own. */
  readonly ledger: string;
}

/** The digest of the entry of a row that counts: when it was paid. */
export class Acquirer {
  readonly #options: AcquirerOptions;
  readonly #cards: readonly string[];
  readonly #ledger: Ledger;
  readonly #perCitizen: Uint32Array;
  readonly #inFlight = new Set<Promise<void>>();
  #line: Promise<Line | undefined>;
  #numbers = 0;
  #files = 0;
  #notCounted = new Map<string, number>();

  constructor(options: AcquirerOptions) {
    this.#options = options;
    this.#cards = Array.from({ length: options.citizenCount }, (_, citizen) => cardOf(citizen));
    this.#ledger = new Ledger(options.ledger);
    this.#perCitizen = new Uint32Array(options.citizenCount);
    this.#line = Line.open(options.url, options.token);
  }

  get countedCount(): number {
    return this.#ledger.count;
  }

  /** Of all periods together. */
  countedOf(citizen: number): number {
    return this.#perCitizen[citizen]!;
  }

  /** Why rows did not count, and how often. */
  get notCounted(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#notCounted);
  }

  /** @param trxMs when they were all paid, in the programme's time */
  async pay(perSecond: number, trxMs: number, untilMs: number): Promise<void> {
    let dueMs = performance.now();
    for (let nowMs = dueMs; nowMs < untilMs; nowMs = performance.now()) {
      for (; dueMs <= nowMs; dueMs += (ROWS_PER_FRAME * 1_000) / perSecond) {
        if (this.#inFlight.size < FRAMES_IN_FLIGHT_MAX) this.#begin(this.#send(this.#rows(ROWS_PER_FRAME, trxMs)));
      }
      await pause(TICK_MS);
    }
  }

  /** As an issuer of files does it: the whole file again, until somebody says what became of it. */
  sendFile(rowCount: number, trxMs: number): void {
    this.#begin(this.#sendFile(this.#rows(rowCount, trxMs)));
  }

  /** Resolves when everything has its answer. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Rows that count come again, and must be known. @returns those that are not */
  async ask(newestCount: number, olderCount: number, random: SeededRandom): Promise<readonly string[]> {
    const rows = this.#ledger.some(newestCount, olderCount, random);
    const broken: string[] = [];
    for (let at = 0; at < rows.length; at += ROWS_PER_FRAME) {
      await this.#untilAnswered(rows.slice(at, at + ROWS_PER_FRAME), (row, outcome) => {
        if (codeOf(outcome) !== REPEATED) broken.push(`row S${row.number}, sent again: ${JSON.stringify(outcome)}`);
      });
    }
    return broken;
  }

  close(): void {
    void this.#line.then((line) => line?.close());
    this.#ledger.close();
  }

  #begin(work: Promise<void>): void {
    const ended = work.finally(() => this.#inFlight.delete(ended));
    this.#inFlight.add(ended);
  }

  #rows(count: number, trxMs: number): readonly Entry[] {
    return Array.from({ length: count }, () => {
      this.#numbers += 1;
      return { number: this.#numbers, citizen: this.#numbers % this.#cards.length, kind: 0, digest: trxMs };
    });
  }

  #send(rows: readonly Entry[]): Promise<void> {
    return this.#untilAnswered(rows, (row, outcome) => this.#keep(row, outcome.status, codeOf(outcome)));
  }

  #keep(row: Entry, status: string, code: string | undefined): void {
    // One that is known was counted before: nobody else sends this one, and what did not count is judged anew.
    if (status === 'counted' || code === REPEATED) {
      this.#ledger.add(row);
      this.#perCitizen[row.citizen]! += 1;
    } else this.#notCounted.set(code ?? status, (this.#notCounted.get(code ?? status) ?? 0) + 1);
  }

  async #untilAnswered(rows: readonly Entry[], judge: (row: Entry, outcome: RecordOutcome) => void): Promise<void> {
    for (let left = rows; left.length > 0; ) {
      const outcomes = await this.#ask({ type: 'recordPayments', rows: left.map((row) => this.#fields(row)) });
      const again: Entry[] = [];
      for (const [at, row] of left.entries()) {
        const outcome = outcomes?.[at];
        if (outcome === undefined || FOR_NOW.includes(codeOf(outcome))) again.push(row);
        else judge(row, outcome);
      }
      left = again;
      if (left.length > 0) await laterOn();
    }
  }

  /** Undefined: no answer, or only that there is no room now. */
  async #ask(request: Record<string, unknown>): Promise<readonly RecordOutcome[] | undefined> {
    const line = await this.#line;
    const reply = await line?.ask(request);
    if (reply === undefined) {
      // Of those who find it gone only the first opens another.
      const was = this.#line;
      await laterOn();
      if (this.#line === was) this.#line = Line.open(this.#options.url, this.#options.token);
      return undefined;
    }
    if (!reply.ok && !FOR_NOW.includes(reply.code)) throw new Error(`rows are refused: ${JSON.stringify(reply)}`);
    return (reply.view as { readonly outcomes: readonly RecordOutcome[] } | undefined)?.outcomes;
  }

  async #sendFile(rows: readonly Entry[]): Promise<void> {
    const { url, token } = this.#options;
    this.#files += 1;
    const name = `CSTAR.${ACQUIRER}.TRNLOG.20210115.101530.${String(this.#files).padStart(3, '0')}.csv`;
    const lines = rows.map((row) => {
      const { hpan, trxDate, idTrxAcquirer, amountCents } = this.#fields(row);
      return `${ACQUIRER};00;01;${hpan};${trxDate};${idTrxAcquirer};;;${amountCents};978;09509;M1;T1;999900;5411`;
    });
    const request = {
      method: 'POST',
      body: `${lines.join('\n')}\n`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv', accept: 'application/json' },
    };
    for (;;) {
      const answer = await fetch(`${url}/rtd/files/${name}`, request)
        .then(async (response) => (response.ok ? ((await response.json()) as FileAnswer) : undefined))
        .catch(() => undefined);
      if (answer !== undefined) {
        const others = new Map(answer.outcome.map((row) => [row.line, row]));
        for (const [at, row] of rows.entries()) {
          const other = others.get(at + 1);
          this.#keep(row, other?.status ?? 'counted', other?.code);
        }
        return;
      }
      await laterOn();
    }
  }

  #fields({ number, citizen, digest }: Entry) {
    return {
      ...{ acquirerCode: ACQUIRER, operationType: '00', circuitType: '01', hpan: this.#cards[citizen]! },
      ...{ trxDate: isoText(digest), idTrxAcquirer: `S${number}`, amountCents: 1 + (number % 20_000) },
      ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
    };
  }
}

interface FileAnswer {
  readonly outcome: readonly { readonly line: number; readonly status: string; readonly code?: string }[];
}

function codeOf(outcome: RecordOutcome): string | undefined {
  return 'code' in outcome ? outcome.code : undefined;
}
