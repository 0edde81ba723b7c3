/**
 * A third party over HTTP. Each call is time-boxed, only so many are under way at once, and one that fails again and again
 * is left alone for a while: whatever it does, nobody waits for it longer than that, and nothing else is touched (R12).
 */
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IPolicy,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';

export interface PartnerLimits {
  /** A citizen waits for it with the app's spinner turning. */
  readonly callMsMax: number;
  readonly callsAtOnceMax: number;
  /** Failures in a row after which nobody is asked, and for how long. */
  readonly failuresMax: number;
  readonly restMs: number;
  readonly answerBytesMax: number;
}

/** The app gives up after 8 s. */
export const PARTNER_LIMITS: PartnerLimits = {
  callMsMax: 3_000,
  callsAtOnceMax: 256,
  failuresMax: 10,
  restMs: 10_000,
  answerBytesMax: 1_048_576,
};

export interface PartnerOptions {
  readonly url: string;
  /** Sent as subscription key; undefined: it asks for none. */
  readonly key?: string | undefined;
  readonly limits?: PartnerLimits | undefined;
}

export interface PartnerAnswer {
  readonly status: number;
  /** Parsed; undefined where there is none or it is no JSON. */
  readonly body: unknown;
  /** When it wants to be asked again, as it says so. */
  readonly retryAfter: string | null;
}

/** It did not answer: `TIMEOUT`, `UNREACHABLE`, or it was not even asked (`RESTING`, `CROWDED`). */
export class PartnerFault extends Error {
  readonly code: 'TIMEOUT' | 'UNREACHABLE' | 'RESTING' | 'CROWDED';

  constructor(code: PartnerFault['code'], options?: { cause?: unknown }) {
    super(`the third party did not answer: ${code}`, options);
    this.code = code;
  }
}

export class Partner {
  readonly #options: PartnerOptions;
  readonly #limits: PartnerLimits;
  readonly #policy: IPolicy;
  readonly #breaker: CircuitBreakerPolicy;

  constructor(options: PartnerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? PARTNER_LIMITS;
    const { callMsMax, callsAtOnceMax, failuresMax, restMs } = this.#limits;
    const breaker = new ConsecutiveBreaker(failuresMax);
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: restMs, breaker });
    this.#policy = wrap(bulkhead(callsAtOnceMax), this.#breaker, timeout(callMsMax, TimeoutStrategy.Aggressive));
  }

  /** It failed again and again, and has not answered since. */
  get isSilent(): boolean {
    return this.#breaker.state !== CircuitState.Closed;
  }

  /** Any status is an answer but 503 and 504, which say that it cannot. Rejects with PartnerFault. */
  async call(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PartnerAnswer> {
    try {
      // A signal of its own: calls without one all listen to the library's, and Node warns of so many listeners.
      const own = new AbortController().signal;
      return await this.#policy.execute(({ signal }) => this.#fetch({ method, path, body, headers, signal }), own);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async #fetch({ method, path, body, headers, signal }: Asked): Promise<PartnerAnswer> {
    const { url, key } = this.#options;
    const response = await fetch(new URL(path, url), {
      method,
      signal,
      redirect: 'error',
      headers: {
        ...headers,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'ocp-apim-subscription-key': key }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await textOf(response, this.#limits.answerBytesMax);
    if (response.status === 503 || response.status === 504) throw new PartnerFault('UNREACHABLE');
    return { status: response.status, body: parsed(text), retryAfter: response.headers.get('retry-after') };
  }
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function textOf({ body }: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new PartnerFault('UNREACHABLE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf(cause: unknown): PartnerFault {
  if (cause instanceof PartnerFault) return cause;
  if (cause instanceof TaskCancelledError) return new PartnerFault('TIMEOUT', { cause });
  if (cause instanceof BrokenCircuitError) return new PartnerFault('RESTING', { cause });
  if (cause instanceof BulkheadRejectedError) return new PartnerFault('CROWDED', { cause });
  return new PartnerFault('UNREACHABLE', { cause });
}
