/** What is counted in one phase, second by second. */
import { Latencies } from '../load/latencies.ts';
import { PATIENCE_MS, type PhaseResult, type Second } from './plan.ts';

interface Counts {
  asked: number;
  served: number;
  useful: number;
  refused: number;
  readonly latencies: Latencies;
}

export class Tally {
  readonly each: Uint32Array;
  readonly #startMs: number;
  readonly #seconds: Counts[] = [];
  readonly #latencies = new Latencies();
  readonly #refusedOnMerits = new Map<string, number>();
  readonly counts = {
    wishes: 0,
    unsent: 0,
    appointments: 0,
    kept: 0,
    scanned: 0,
    pushes: 0,
    withData: 0,
    ownFound: 0,
    foreignFound: 0,
    cuts: 0,
  };
  readonly bots = { sent: 0, connections: 0, cuts: 0 };

  constructor(citizenCount: number, nowMs: number) {
    this.each = new Uint32Array(citizenCount);
    this.#startMs = nowMs;
  }

  asked(nowMs: number): void {
    this.#second(nowMs).asked += 1;
  }

  refused(nowMs: number): void {
    this.#second(nowMs).refused += 1;
  }

  /** @param code of a refusal on the merits, which is an answer; null: it was done */
  served(citizen: number, latencyMs: number, nowMs: number, code: string | null): void {
    const second = this.#second(nowMs);
    second.served += 1;
    second.latencies.record(latencyMs);
    this.#latencies.record(latencyMs);
    if (latencyMs <= PATIENCE_MS) {
      second.useful += 1;
      this.each[citizen]! += 1;
    }
    if (code !== null) this.#refusedOnMerits.set(code, (this.#refusedOnMerits.get(code) ?? 0) + 1);
  }

  result(nowMs: number): PhaseResult {
    const { p50, p99 } = this.#latencies.quantiles();
    return {
      ms: nowMs - this.#startMs,
      seconds: this.#seconds.map(secondOf),
      ...{ p50: p50 / 1_000, p99: p99 / 1_000, each: [...this.each], ...this.counts, bots: this.bots },
      refusedOnMerits: Object.fromEntries(this.#refusedOnMerits),
    };
  }

  #second(nowMs: number): Counts {
    const at = Math.floor((nowMs - this.#startMs) / 1_000);
    while (this.#seconds.length <= at) {
      this.#seconds.push({ asked: 0, served: 0, useful: 0, refused: 0, latencies: new Latencies() });
    }
    return this.#seconds[at]!;
  }
}

function secondOf({ latencies, ...counts }: Counts): Second {
  const { p50, p99 } = latencies.quantiles();
  return { ...counts, p50: p50 / 1_000, p99: p99 / 1_000 };
}
