/**
 * Letters to a message service over HTTP, each under an idempotency key that is the letter's own. A service that does not
 * answer at all is left alone for a while (partner.ts): then nothing is tried, and nothing is counted.
 */
import { type Partner, PartnerFault } from '../partners/index.ts';
import type { Letter } from './letter.ts';
import type { Delivery, NoticeSink } from './sink.ts';

export interface WebhookSinkOptions {
  readonly partner: Partner;
  readonly realMs: () => number;
}

const DELIVERED: Delivery = { kind: 'delivered' };
const FAILED: Delivery = { kind: 'failed' };
const UNTRIED: Delivery = { kind: 'untried' };

const TOO_MANY = 429;
const LATER_MS = 30_000;

export class WebhookSink implements NoticeSink {
  /** What one service for a whole state can be expected to bear. */
  readonly atOnceMax = 16;
  readonly #options: WebhookSinkOptions;

  constructor(options: WebhookSinkOptions) {
    this.#options = options;
  }

  async deliver(letters: readonly Letter[]): Promise<readonly Delivery[]> {
    return Promise.all(letters.map((letter) => this.#deliverOne(letter)));
  }

  async close(): Promise<void> {}

  async #deliverOne(letter: Letter): Promise<Delivery> {
    const { partner, realMs } = this.#options;
    try {
      const { status, retryAfter } = await partner.call('POST', '', letter, { 'idempotency-key': letter.id });
      if (status >= 200 && status < 300) return DELIVERED;
      return status === TOO_MANY ? { kind: 'later', laterMs: laterMs(retryAfter, realMs()) } : FAILED;
    } catch (fault) {
      if (!(fault instanceof PartnerFault)) throw fault;
      return fault.code === 'RESTING' || fault.code === 'CROWDED' ? UNTRIED : FAILED;
    }
  }
}

/** `Retry-After` is a number of seconds or an HTTP date; what is neither says nothing. */
function laterMs(retryAfter: string | null, nowMs: number): number {
  if (retryAfter === null) return LATER_MS;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const atMs = Date.parse(retryAfter);
  return Number.isNaN(atMs) ? LATER_MS : Math.max(0, atMs - nowMs);
}
