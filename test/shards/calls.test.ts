// Method: a hundred thousand questions in seeded order against a plain map; numbers once answered are tried again.
import { expect, test } from 'vitest';
import { BrokenInvariant } from '../../engine/index.ts';
import { Calls } from '../../server/shards/calls.ts';
import { Random, seed } from '../support/random.ts';

test('each number gives back what waited under it, once, also when its place is used again', () => {
  const random = new Random(seed);
  const [calls, waiting, answered] = [new Calls<{ readonly at: number }>(), new Map<number, number>(), [] as number[]];
  for (let step = 0; step < 100_000; step += 1) {
    if (waiting.size === 0 || (random.below(2) === 0 && waiting.size < 1_000)) {
      const call = calls.add({ at: step });
      expect(waiting.has(call), `seed=${seed} step=${step}`).toBe(false);
      waiting.set(call, step);
    } else {
      const call = random.pick([...waiting.keys()].slice(0, 5));
      expect(calls.take(call).at, `seed=${seed} step=${step}`).toBe(waiting.get(call));
      waiting.delete(call);
      answered.push(call);
    }
    if (calls.count !== waiting.size) expect(calls.count, `seed=${seed} step=${step}`).toBe(waiting.size);
  }
  for (const call of answered.slice(-20_000)) {
    if (!waiting.has(call)) expect(() => calls.take(call)).toThrow(BrokenInvariant);
  }
});

test('a number that nobody was given is a broken invariant', () => {
  const calls = new Calls<object>();
  for (const call of [0, 1, 32_768]) expect(() => calls.take(call)).toThrow(BrokenInvariant);
});
