/**
 * Takes in one list of device tokens and the accounts that they belong to (domain 2.2, 9): lines of `tokenPAN;PAR`. A token
 * whose PAR one citizen's active card has becomes an instrument of that card's, as if it had come with it: same owner, same
 * channel. So it covers days from tomorrow on, and rows that name no PAR.
 *
 * Tokens are hashes, as column 4 of transactions is: who sends hashes with the salt, and what is in clear is rejected.
 * What is known changes nothing, so that a list may be sent again; nor does a list begin again what its holder has ended.
 * It is accounted for as files of records are, but for what a death cut short: what was enabled by then does not name its
 * list, and is known when that comes again.
 */
import { createHash } from 'node:crypto';
import {
  type AccountCard,
  type CommandId,
  type CommandReply,
  checkPar,
  type Engine,
  type FileArrival,
  type Hpan,
  isoText,
  type Read,
  type ReceivedFile,
  type RefusalName,
  type Refused,
} from '../../engine/index.ts';
import type { FileLane } from '../admission/index.ts';
import { BadLines, type ErrorStore, type KeptErrors, NO_ERRORS } from '../errors/index.ts';
import { openAccount } from './account.ts';
import { type Line, linesOf } from './lines.ts';
import type { Spool } from './spool.ts';
import { TokenOutcome, type TokenSummary, type TokenVerdict } from './token-outcome.ts';

export interface TokenOptions {
  readonly engine: Pick<Engine, 'cardOfPar' | 'activations' | 'taxCode' | 'execute' | 'openFile' | 'closeFile'>;
  readonly errors?: ErrorStore | undefined;
  readonly pause: (ms: number) => Promise<void>;
  readonly stopping?: AbortSignal;
  /** See FileIngestOptions. */
  readonly lane?: Pick<FileLane, 'enter' | 'leave'> | undefined;
}

export interface TokenReport {
  readonly ok: true;
  readonly summary: TokenSummary;
  readonly outcome: TokenOutcome;
  readonly errors: KeptErrors;
}

/** DRAINING, STORAGE_FULL and what cannot be read end it, with tokens taken: sent again, the file does the rest. */
export async function takeTokens(
  arrival: FileArrival,
  text: Pick<Spool, 'text'>,
  options: TokenOptions,
): Promise<TokenReport | Refused> {
  const opened = await openAccount(options.engine, arrival);
  if (!opened.ok) return opened;
  const tokens = new Tokens(arrival, options);
  for await (const lines of linesOf(text)) {
    for (const line of lines) {
      await options.lane?.enter();
      const refused = await tokens.add(line).finally(() => options.lane?.leave());
      if (refused !== null) return refused;
    }
  }
  return (await tokens.settle()) ?? tokens.report(opened.value);
}

interface Row {
  readonly line: Line;
  readonly token: Hpan;
  readonly par: string;
}

const HPAN_FORM = /^[0-9a-f]{64}$/i;
/** Whether anybody has a PAR is asked of every partition, 0.15 ms of the engine's thread: citizens come in between. */
const TOKENS_AT_ONCE = 32;
const FIRST_PAUSE_MS = 20;
const PAUSE_MS_MAX = 1_000;
/** Of the engine as a whole: no other line would fare better. */
const ENDING: readonly RefusalName[] = ['DRAINING', 'STORAGE_FULL', 'INTERNAL_ERROR'];

class Tokens {
  readonly #arrival: FileArrival;
  readonly #options: TokenOptions;
  readonly #outcome = new TokenOutcome();
  readonly #badLines = new BadLines();
  /** Taken in together. One token is in it once, so that its lines have their effects in their order. */
  readonly #batch = new Map<Hpan, Row>();

  constructor(arrival: FileArrival, options: TokenOptions) {
    this.#arrival = arrival;
    this.#options = options;
  }

  /** Why nothing more is to be added; null = it is taken. */
  async add(line: Line): Promise<Refused | null> {
    const row = readRow(line);
    if (!row.ok) {
      this.#judged(line, { status: 'rejected', code: row.code, detail: row.detail ?? '' });
      return null;
    }
    const isFull = this.#batch.size === TOKENS_AT_ONCE || this.#batch.has(row.value.token);
    const refused = isFull ? await this.settle() : null;
    this.#batch.set(row.value.token, row.value);
    return refused;
  }

  /** All that was added is durable, or refused. */
  async settle(): Promise<Refused | null> {
    const rows = [...this.#batch.values()];
    this.#batch.clear();
    const verdicts = await Promise.all(rows.map((row) => this.#take(row)));
    let ending: Refused | null = null;
    for (const [index, verdict] of verdicts.entries()) {
      if ('ok' in verdict) ending ??= verdict;
      else this.#judged(rows[index]!.line, verdict);
    }
    return ending;
  }

  async report(account: ReceivedFile | null): Promise<TokenReport | Refused> {
    const { name, receivedMs } = this.#arrival;
    const file = { kind: 'transactions', ...this.#arrival } as const;
    const errors = (await this.#options.errors?.keep(file, this.#badLines)) ?? NO_ERRORS;
    const closed = account && (await this.#options.engine.closeFile({ ...account, figures: this.#outcome.figures() }));
    if (closed?.ok === false) return closed;
    return { ok: true, summary: this.#outcome.summary(name, isoText(receivedMs)), outcome: this.#outcome, errors };
  }

  #judged({ number, text }: Line, verdict: TokenVerdict): void {
    this.#outcome.add(number, verdict);
    const { status, code, detail } = verdict;
    if (status === 'rejected' && code !== '') this.#badLines.add({ line: number, code, detail, text });
  }

  async #take(row: Row): Promise<TokenVerdict | Refused> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      if (this.#options.stopping?.aborted === true) return { ok: false, code: 'DRAINING' };
      const verdict = await this.#judge(row);
      if (!('ok' in verdict) || verdict.code !== 'OVERLOADED') return verdict;
      await this.#options.pause(pauseMs);
    }
  }

  async #judge({ token, par }: Row): Promise<TokenVerdict | Refused> {
    const { engine } = this.#options;
    const card = await engine.cardOfPar(par);
    if (!card.ok) return card;
    if (card.value === null) return NOBODYS;
    const activations = await engine.activations(token);
    if (!activations.ok && activations.code !== 'INSTRUMENT_NOT_FOUND') return activations;
    const last = activations.ok ? activations.value.at(-1)! : null;
    const isOwn = last?.citizen === card.value.citizen;
    const endedMs = last?.deactivationMs ?? null;
    if (last !== null && endedMs === null && !isOwn) return rejected('INSTRUMENT_TAKEN');
    if (isOwn && (endedMs === null || endedMs >= card.value.activationMs)) return KNOWN;
    return this.#enable(card.value, token);
  }

  async #enable(card: AccountCard, token: Hpan): Promise<TokenVerdict | Refused> {
    const { engine } = this.#options;
    const taxCode = await engine.taxCode(card.citizen);
    if (!taxCode.ok) return taxCode;
    const reply = await new Promise<CommandReply>((resolve) => {
      const origin = { role: 'acquirer', subject: this.#arrival.sender, channel: card.channel } as const;
      const body = { kind: 'enableCashback', hpan: card.hpan, tokens: [token], onlyTokens: true } as const;
      engine.execute(
        { citizen: card.citizen, taxCode: taxCode.value, origin, id: commandIdOf(card, token), body },
        resolve,
      );
    });
    if (reply.ok) return ENABLED;
    // Ended meanwhile.
    if (reply.code === 'INSTRUMENT_NOT_FOUND') return NOBODYS;
    return reply.code === 'OVERLOADED' || ENDING.includes(reply.code) ? reply : rejected(reply.code);
  }
}

/** Once for each activation of the card: lines under way when somebody died are the same commands again. */
function commandIdOf({ hpan, activationMs }: AccountCard, token: Hpan): CommandId {
  return createHash('sha256').update(`token ${token} ${hpan} ${activationMs}`).digest('hex').slice(0, 32);
}

const ENABLED: TokenVerdict = { status: 'enabled', code: '', detail: '' };
const KNOWN: TokenVerdict = { status: 'known', code: '', detail: '' };
const NOBODYS: TokenVerdict = { status: 'dropped', code: 'INSTRUMENT_NOT_FOUND', detail: 'par' };

function rejected(code: RefusalName): TokenVerdict {
  return { status: 'rejected', code, detail: '' };
}

/** WRONG_COLUMNS, or FIELD_INVALID for what is no hash or no PAR. */
function readRow(line: Line): Read<Row> {
  const { columns } = line;
  if (columns === null) return { ok: false, code: 'WRONG_COLUMNS', detail: 'line too long' };
  const [token, named] = columns;
  if (token === undefined || named === undefined || columns.length > 2)
    return { ok: false, code: 'WRONG_COLUMNS', detail: `${columns.length} columns` };
  if (!HPAN_FORM.test(token)) return { ok: false, code: 'FIELD_INVALID', detail: 'tokenPan' };
  const par = checkPar(named);
  if (par === null) return { ok: false, code: 'FIELD_INVALID', detail: 'par' };
  return { ok: true, value: { line, token: token.toLowerCase(), par } };
}
