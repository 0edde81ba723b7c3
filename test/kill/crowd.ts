/**
 * Seeded citizens and one acquirer, over real sockets, who remember what they were promised: every acknowledged
 * command with its answer, every acknowledged row with its outcome. Cards are fewer than citizens: they are fought over.
 */
import WebSocket from 'ws';
import { isoText, makeIban, makeTaxCode, type RecordOutcome } from '../../engine/index.ts';
import type { DevelopmentIdentity } from '../../server/index.ts';
import type { Random } from '../support/random.ts';

export interface Promised {
  readonly citizen: number;
  readonly request: Record<string, unknown> & { readonly id: string };
  readonly answer: unknown;
}

export interface PromisedRow {
  readonly row: Record<string, unknown>;
  readonly outcome: RecordOutcome;
}

export const CITIZENS = 24;
const CARDS = 16;
const ACQUIRER = '36081';

type Reply = Record<string, unknown> & { readonly ref: number; readonly ok: boolean };

/** One socket; a reply that never comes is undefined. */
class Line {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply | undefined) => void>();
  #ref = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const reply = JSON.parse(String(data)) as Reply;
      this.#waiting.get(reply.ref)?.(reply);
      this.#waiting.delete(reply.ref);
    });
    socket.on('close', (code, reason) => {
      this.closed = `${code} ${String(reason)}`;
      this.#giveUp();
    });
    socket.on('error', () => this.#giveUp());
  }

  /** Undefined: nobody there. `onRefused` hears why. */
  static open(url: string, token: string, onRefused: (why: string) => void = () => {}): Promise<Line | undefined> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'clickday.v1.json', {
      headers: { authorization: `Bearer ${token}` },
    });
    return new Promise((resolve) => {
      socket.once('open', () => resolve(new Line(socket)));
      socket.once('error', (error) => {
        onRefused(error.message);
        resolve(undefined);
      });
    });
  }

  ask(request: Record<string, unknown>): Promise<Reply | undefined> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve(undefined);
    this.#ref += 1;
    const ref = this.#ref;
    return new Promise((resolve) => {
      this.#waiting.set(ref, resolve);
      this.#socket.send(JSON.stringify({ ref, ...request }));
    });
  }

  get state(): string {
    return `${this.#socket.readyState} ${this.closed}`;
  }
  closed = '';

  close(): void {
    this.#socket.terminate();
  }

  #giveUp(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}

export class Crowd {
  readonly promised: Promised[] = [];
  #checked = 0;
  #alarm: { readonly count: number; readonly ring: () => void } | null = null;
  readonly promisedRows: PromisedRow[] = [];
  /** Sent, never answered: may or may not have happened. */
  readonly inDoubt: Omit<Promised, 'answer'>[] = [];
  readonly #random: Random;
  readonly #identity: DevelopmentIdentity;
  #ids = 0;

  constructor(random: Random, identity: DevelopmentIdentity) {
    this.#random = random;
    this.#identity = identity;
  }

  /** Calls `ring` once, when that many more commands have been acknowledged. */
  afterPromises(count: number, ring: () => void): void {
    this.#alarm = { count: this.promised.length + count, ring };
  }

  /** Everybody acts until the server is gone, or `actions` are done. */
  async rage(url: string, nowMs: number, actions: number): Promise<void> {
    const citizens = Array.from({ length: CITIZENS }, (_, citizen) => this.#citizen(url, citizen, actions));
    await Promise.all([...citizens, this.#acquirer(url, nowMs, actions)]);
  }

  /** Asks for the outcome of everything promised; returns what is missing or different. */
  async brokenPromises(url: string): Promise<string[]> {
    const broken: string[] = [];
    const lines = await Promise.all(
      Array.from({ length: CITIZENS }, async (_, citizen) =>
        Line.open(url, await this.#token(citizen), (why) => broken.push(`no line: ${why}`)),
      ),
    );
    // All new promises, and some of the old ones.
    const asked = [
      ...this.promised.slice(this.#checked),
      ...sample(this.promised.slice(0, this.#checked), this.#random, 100),
    ];
    this.#checked = this.promised.length;
    const ask = (citizen: number, request: Record<string, unknown>) => lines[citizen]?.ask(request);
    const replies = await Promise.all(
      asked.map(({ citizen, request }) => ask(citizen, { type: 'outcome', id: request.id })),
    );
    asked.forEach(({ request, answer }, index) => {
      const view = replies[index]?.view as { readonly state: string; readonly answer?: unknown } | undefined;
      const isKept = view?.state === 'done' && JSON.stringify(view.answer) === JSON.stringify(answer);
      if (!isKept)
        broken.push(
          `${String(request.type)} ${request.id}: ${JSON.stringify(replies[index])}, not ${JSON.stringify(answer)}`,
        );
    });
    // Sent again, a promised command is recognised; one in doubt happens now if it had not.
    for (const { citizen, request, answer } of sample(this.promised, this.#random, 20)) {
      const reply = await ask(citizen, request);
      const isSame =
        reply?.ok === true && reply.repeated === true && JSON.stringify(reply.answer) === JSON.stringify(answer);
      if (!isSame) broken.push(`${String(request.type)} ${request.id} sent again: ${JSON.stringify(reply)}`);
    }
    for (const { citizen, request } of this.inDoubt.splice(0)) {
      const reply = await ask(citizen, request);
      if (reply?.ok === true) this.promised.push({ citizen, request, answer: reply.answer });
    }
    for (const line of lines) line?.close();
    broken.push(...(await this.#brokenRows(url)));
    return broken;
  }

  /** A counted row sent again is a duplicate: it is there, and it is there once. */
  async #brokenRows(url: string): Promise<string[]> {
    const counted = this.promisedRows.filter(({ outcome }) => outcome.status === 'counted');
    if (counted.length === 0) return [];
    const line = await Line.open(
      url,
      await this.#identity.sign({ role: 'acquirer', subject: ACQUIRER, ttlSeconds: 600 }),
    );
    const rows = sample(counted, this.#random, 200).map(({ row }) => row);
    const reply = await line?.ask({ type: 'recordPayments', rows });
    line?.close();
    const outcomes = (reply?.view as { readonly outcomes: readonly { readonly code?: string }[] } | undefined)
      ?.outcomes;
    return rows.flatMap((row, index) =>
      outcomes?.[index]?.code === 'DUPLICATE_RECORD'
        ? []
        : [`row ${String(row.idTrxAcquirer)}: ${JSON.stringify(outcomes?.[index])}`],
    );
  }

  async #citizen(url: string, citizen: number, actions: number): Promise<void> {
    const line = await Line.open(url, await this.#token(citizen));
    if (line === undefined) return;
    await this.#do(line, citizen, { type: 'enrol' });
    for (let action = 0; action < actions; action += 1) {
      if (!(await this.#do(line, citizen, this.#wish(citizen)))) break;
    }
    line.close();
  }

  async #acquirer(url: string, nowMs: number, actions: number): Promise<void> {
    const token = await this.#identity.sign({ role: 'acquirer', subject: ACQUIRER, ttlSeconds: 600 });
    const line = await Line.open(url, token);
    for (let action = 0; line !== undefined && action < actions; action += 1) {
      const rows = Array.from({ length: 8 }, () => this.#row(nowMs));
      const reply = await line.ask({ type: 'recordPayments', rows });
      if (reply === undefined) break;
      const { outcomes } = reply.view as { readonly outcomes: readonly RecordOutcome[] };
      for (const [index, outcome] of outcomes.entries()) this.promisedRows.push({ row: rows[index]!, outcome });
    }
    line?.close();
  }

  async #do(line: Line, citizen: number, wish: Record<string, unknown>): Promise<boolean> {
    this.#ids += 1;
    const id = `${this.#random.below(2 ** 31).toString(16)}${this.#ids.toString(16).padStart(16, '0')}`.padStart(
      32,
      '0',
    );
    const request = { ...wish, id };
    const reply = await line.ask(request);
    if (reply === undefined) this.inDoubt.push({ citizen, request });
    else if (reply.ok) this.#promise({ citizen, request, answer: reply.answer });
    return reply !== undefined;
  }

  #promise(promised: Promised): void {
    this.promised.push(promised);
    if (this.#alarm === null || this.promised.length < this.#alarm.count) return;
    this.#alarm.ring();
    this.#alarm = null;
  }

  #wish(citizen: number): Record<string, unknown> {
    const card = hpanOf(this.#random.below(CARDS));
    const dice = this.#random.below(100);
    if (dice < 55) return { type: 'enableCashback', hpan: card };
    if (dice < 80) return { type: 'disableCashback', hpan: card };
    if (dice < 84) return { type: 'leave' };
    if (dice < 92) return { type: 'enrol' };
    const holder = { accountHolderCF: makeTaxCode(citizen), accountHolderName: 'A', accountHolderSurname: 'B' };
    return { type: 'setIban', iban: makeIban(this.#random.below(1_000)), ...holder };
  }

  #row(nowMs: number): Record<string, unknown> {
    this.#ids += 1;
    return {
      acquirerCode: ACQUIRER,
      operationType: '00',
      circuitType: '01',
      hpan: hpanOf(this.#random.below(CARDS)),
      trxDate: isoText(nowMs - this.#random.below(3_600_000)),
      idTrxAcquirer: `K${this.#ids}`,
      amountCents: 1 + this.#random.below(20_000),
      acquirerId: '09509',
      merchantId: 'M1',
      terminalId: 'T1',
    };
  }

  #token(citizen: number): Promise<string> {
    return this.#identity.sign({ role: 'citizen', subject: makeTaxCode(citizen), ttlSeconds: 600 });
  }
}

function hpanOf(card: number): string {
  return ((card * 2_654_435_761) >>> 0).toString(16).padStart(8, '0') + card.toString(16).padStart(56, '0');
}

function sample<T>(items: readonly T[], random: Random, count: number): readonly T[] {
  return items.length <= count ? items : random.shuffle(items).slice(0, count);
}
