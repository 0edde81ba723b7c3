/**
 * Seeded citizens and one acquirer, over real sockets, and two operators, who remember what they were promised: every
 * acknowledged command with its answer, every acknowledged row with its outcome, every exclusion that both agreed on. Cards are
 * fewer than citizens: they are fought over.
 */
import { isoText, makeIban, makeTaxCode, type PaymentView, type RecordOutcome } from '../../engine/index.ts';
import type { FolderIdentity } from '../../server/index.ts';
import { Line, laterOn, type Reply } from '../support/line.ts';
import type { Random } from '../support/random.ts';

export interface Promised {
  /** Of the request that was answered, by which the answer can be found among everything that the server sent. */
  readonly ref: number;
  readonly citizen: number;
  readonly request: Record<string, unknown> & { readonly id: string };
  readonly answer: unknown;
}

export interface PromisedRow {
  readonly ref: number;
  readonly row: Record<string, unknown>;
  readonly outcome: RecordOutcome;
}

export interface BrokenPromises {
  readonly broken: readonly string[];
  /** Questions that nobody answered. */
  readonly unanswered: number;
}

interface Asked {
  ask(citizen: number, request: Record<string, unknown>): Promise<Reply | undefined>;
  sample<T>(items: readonly T[], count: number): readonly T[];
  readonly broken: string[];
  unanswered: number;
}

const CITIZENS = 24;
const CARDS = 16;
export const ACQUIRER = '36081';
const ROWS_PER_FRAME = 200;
/** Of all citizens together: each socket may have 256. */
const QUESTIONS_AT_ONCE = 2_000;
/** Longer than any folder lives. */
const TOKEN_SECONDS = 3_600;
const EXCLUSIONS = '/admin/exclusions';

/** By citizen; undefined: nobody there. */
type Lines = readonly (Line | undefined)[];

export class Crowd {
  readonly promised: Promised[] = [];
  /** So many of the promises were asked for and kept. */
  #confirmed = 0;
  readonly #tokens = new Map<string, Promise<string>>();
  #alarm: { readonly count: number; readonly ring: () => void } | null = null;
  readonly promisedRows: PromisedRow[] = [];
  /** As told when approved: nobody lifts any. */
  readonly promisedExclusions: unknown[] = [];
  /** Sent, never answered: may or may not have happened. */
  readonly inDoubt: Omit<Promised, 'ref' | 'answer'>[] = [];
  readonly #random: Random;
  readonly #identity: FolderIdentity;
  #ids = 0;

  constructor(random: Random, identity: FolderIdentity) {
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

  /**
   * Asks for the outcome of all that was promised and not confirmed yet, and of some of what was; of everything, when
   * `areAllAsked`. What the server dies on stays to be asked.
   *
   * @returns what is missing or different, and how many questions had no answer
   */
  async brokenPromises(url: string, { areAllAsked = false } = {}): Promise<BrokenPromises> {
    const lines = await this.#lines(url);
    const asked: Asked = {
      ask: async (citizen, request) => lines[citizen]?.askPatiently(request),
      sample: (items, count) => (areAllAsked ? items : sample(items, this.#random, count)),
      broken: [],
      unanswered: 0,
    };
    await this.#askOutcomes(asked);
    await this.#sendAgain(asked);
    for (const line of lines) line?.close();
    await this.#askRows(url, asked);
    await this.#askExclusions(url, asked);
    return asked;
  }

  async #askOutcomes(asked: Asked): Promise<void> {
    const open = this.promised.slice(this.#confirmed);
    const promises = [...open, ...asked.sample(this.promised.slice(0, this.#confirmed), 100)];
    const replies: (Reply | undefined)[] = [];
    for (let at = 0; at < promises.length; at += QUESTIONS_AT_ONCE) {
      const part = promises.slice(at, at + QUESTIONS_AT_ONCE);
      const asking = part.map(({ citizen, request }) => asked.ask(citizen, { type: 'outcome', id: request.id }));
      replies.push(...(await Promise.all(asking)));
    }
    promises.forEach(({ request, answer }, index) => {
      const reply = replies[index];
      if (reply === undefined) asked.unanswered += 1;
      const view = reply?.view as { readonly state: string; readonly answer?: unknown } | undefined;
      const isKept = view?.state === 'done' && isSame(view.answer, answer);
      if (reply !== undefined && !isKept) asked.broken.push(`${told(request)}: ${told(reply)}, not ${told(answer)}`);
    });
    if (asked.unanswered === 0) this.#confirmed = this.promised.length;
  }

  /** Sent again, a promised command is recognised; one in doubt happens now if it had not. */
  async #sendAgain(asked: Asked): Promise<void> {
    const again = sample(this.promised, this.#random, 20);
    const doubts = this.inDoubt.splice(0);
    const [known, decided] = await Promise.all(
      [again, doubts].map((all) => Promise.all(all.map(({ citizen, request }) => asked.ask(citizen, request)))),
    );
    again.forEach(({ request, answer }, index) => {
      const reply = known![index];
      if (reply === undefined) asked.unanswered += 1;
      else if (reply.ok !== true || reply.repeated !== true || !isSame(reply.answer, answer)) {
        asked.broken.push(`${told(request)} sent again: ${told(reply)}`);
      }
    });
    doubts.forEach((doubt, index) => {
      const reply = decided![index];
      if (reply === undefined) this.inDoubt.push(doubt);
      else if (reply.ok) this.promised.push({ ...doubt, ref: reply.ref, answer: reply.answer });
    });
  }

  /** A counted row sent again is a duplicate: it is there, and it is there once. */
  async #askRows(url: string, asked: Asked): Promise<void> {
    const line = await Line.open(url, await this.#acquirerToken());
    const counted = this.promisedRows.filter(({ outcome }) => outcome.status === 'counted');
    const rows = asked.sample(counted, 200).map(({ row }) => row);
    for (let at = 0; at < rows.length; at += ROWS_PER_FRAME) {
      for (let part = rows.slice(at, at + ROWS_PER_FRAME); part.length > 0; ) {
        const reply = await line?.askPatiently({ type: 'recordPayments', rows: part });
        const view = reply?.view as { readonly outcomes: readonly { readonly code?: string }[] } | undefined;
        if (view === undefined) asked.unanswered += part.length;
        const outcomes = view?.outcomes ?? [];
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome.code === 'DUPLICATE_RECORD' || outcome.code === 'OVERLOADED') continue;
          asked.broken.push(`row ${String(part[index]!.idTrxAcquirer)}: ${told(outcome)}`);
        }
        part = part.filter((_, index) => outcomes[index]?.code === 'OVERLOADED');
        if (part.length > 0) await laterOn();
      }
    }
    line?.close();
  }

  /** What was approved stands in the list; that its card has carried it out is for whoever recomputes the folder. */
  async #askExclusions(url: string, asked: Asked): Promise<void> {
    const listed = new Set<string>();
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.#operate(url, `${EXCLUSIONS}?state=excluded&limit=100${more}`);
      if (page === undefined) {
        asked.unanswered += this.promisedExclusions.length;
        return;
      }
      const { exclusions, nextCursor } = page as {
        readonly exclusions: readonly unknown[];
        readonly nextCursor?: string;
      };
      for (const exclusion of exclusions) listed.add(told(exclusion));
      cursor = nextCursor;
    }
    for (const exclusion of this.promisedExclusions) {
      if (!listed.has(told(exclusion))) asked.broken.push(`not excluded: ${told(exclusion)}`);
    }
  }

  async moveClock(url: string, nowMs: number): Promise<void> {
    await this.#operate(url, '/admin/clock', { now: new Date(nowMs).toISOString() });
  }

  async askBackup(url: string, folder: string): Promise<void> {
    await this.#operate(url, '/admin/backups', { folder });
  }

  /** Undefined: it is refused, or nobody answers since the server dies of it. Without a body it reads. */
  async #operate(url: string, path: string, body?: object, operator = 'killer'): Promise<unknown> {
    const reply = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${await this.#signed('operator', operator)}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => undefined);
    return reply?.ok === true ? reply.json().catch(() => undefined) : undefined;
  }

  /** One operator proposes and another one approves that a payment does not count which some citizen has. */
  async #exclude(url: string, lines: Lines, awardPeriodId: number): Promise<void> {
    const about = await this.#somePayment(lines, awardPeriodId);
    if (about === undefined) return;
    await this.#operate(url, EXCLUSIONS, { ...about, action: 'exclude', reason: 'killed' }, 'anna');
    const decision = { ...about, decision: 'approve', reason: 'killed' };
    const approved = await this.#operate(url, `${EXCLUSIONS}/decide`, decision, 'bruno');
    if (approved !== undefined) this.promisedExclusions.push(approved);
  }

  async #somePayment(lines: Lines, awardPeriodId: number): Promise<object | undefined> {
    for (const citizen of this.#random.shuffle([...lines.keys()])) {
      const reply = await lines[citizen]?.ask({ type: 'payments', awardPeriodId });
      const { payments = [] } = (reply?.view ?? {}) as { readonly payments?: readonly PaymentView[] };
      if (payments.length === 0) continue;
      const { hpan, idTrxAcquirer, trxMs } = this.#random.pick(payments);
      const key = { hpan, idTrxAcquirer, trxDate: isoText(trxMs), acquirerCode: ACQUIRER, acquirerId: '09509' };
      return { citizen: makeTaxCode(citizen), payment: key };
    }
    return undefined;
  }

  #lines(url: string): Promise<Lines> {
    const citizens = Array.from({ length: CITIZENS }, (_, citizen) => citizen);
    return Promise.all(citizens.map(async (citizen) => Line.open(url, await this.#token(citizen))));
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

  /** Of what it is told has counted, operators take something out now and then. */
  async #acquirer(url: string, nowMs: number, actions: number): Promise<void> {
    const line = await Line.open(url, await this.#acquirerToken());
    const citizens = await this.#lines(url);
    for (let action = 0; line !== undefined && action < actions; action += 1) {
      const rows = Array.from({ length: 8 }, () => this.#row(nowMs));
      const reply = await line.ask({ type: 'recordPayments', rows });
      if (reply === undefined) break;
      const { outcomes = [] } = (reply.view ?? {}) as { readonly outcomes?: readonly RecordOutcome[] };
      for (const [index, outcome] of outcomes.entries()) {
        this.promisedRows.push({ ref: reply.ref, row: rows[index]!, outcome });
      }
      const counted = outcomes.find(({ status }) => status === 'counted');
      // Each costs the load some rows.
      if (counted?.status === 'counted' && this.#random.below(3) === 0) {
        await this.#exclude(url, citizens, counted.awardPeriodId);
      }
    }
    for (const one of [line, ...citizens]) one?.close();
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
    else if (reply.ok) this.#promise({ ref: reply.ref, citizen, request, answer: reply.answer });
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
    // With a token: several claims that end together or not at all.
    if (dice < 20) return { type: 'enableCashback', hpan: card, tokens: [hpanOf(this.#random.below(CARDS))] };
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
    return this.#signed('citizen', makeTaxCode(citizen));
  }

  #acquirerToken(): Promise<string> {
    return this.#signed('acquirer', ACQUIRER);
  }

  #signed(role: 'citizen' | 'acquirer' | 'operator', subject: string): Promise<string> {
    const known = this.#tokens.get(subject);
    if (known !== undefined) return known;
    const token = this.#identity.sign({ role, subject, ttlSeconds: TOKEN_SECONDS });
    this.#tokens.set(subject, token);
    return token;
  }
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function told(value: unknown): string {
  return JSON.stringify(value);
}

function hpanOf(card: number): string {
  return ((card * 2_654_435_761) >>> 0).toString(16).padStart(8, '0') + card.toString(16).padStart(56, '0');
}

function sample<T>(items: readonly T[], random: Random, count: number): readonly T[] {
  return items.length <= count ? items : random.shuffle(items).slice(0, count);
}
