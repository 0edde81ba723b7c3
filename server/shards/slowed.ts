/** A shard as slow as one says, for rehearsals of a crowd on a machine that is too fast for one. */
import type { ProbedShard } from '../../engine/index.ts';
import { READ_NAMES } from './crossings.ts';

const PAID = new Set<string | symbol>(['execute', 'record', ...READ_NAMES]);
/** Shorter naps are not worth a system call. */
const NAP_MS_MIN = 1;
/** A nap may last longer than it was to: what came meanwhile need not wait for that again. */
const OVERSLEPT_MS_MAX = 10;

/** Each request occupies its thread so much longer, which sleeps meanwhile: others have the core. */
export function slowed(shard: ProbedShard, costUs: number): ProbedShard {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  let freeMs = 0;
  const pay = () => {
    const nowMs = performance.now();
    freeMs = Math.max(freeMs, nowMs - OVERSLEPT_MS_MAX) + costUs / 1_000;
    if (freeMs - nowMs >= NAP_MS_MIN) Atomics.wait(bell, 0, 0, freeMs - nowMs);
  };
  return new Proxy(shard, {
    get(whole, name) {
      const part: unknown = Reflect.get(whole, name);
      if (typeof part !== 'function') return part;
      return (...asked: unknown[]) => {
        if (PAID.has(name)) pay();
        return Reflect.apply(part, whole, asked);
      };
    },
  });
}
