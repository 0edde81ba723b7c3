// Method: a whole plan of a random seed is counted second by second and held to the published peaks; what a visit
// must keep (order, one login, a moment of thought) is checked on every visit of it.
import { describe, expect, test } from 'vitest';
import { type Operation, planOperations } from '../../client/replay/plan.ts';
import { Population } from '../../client/replay/population.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import {
  operationTimes,
  PHASES,
  phaseDurationMs,
  programmeTimeAt,
  rateAt,
  type ScheduleOptions,
} from '../../client/replay/schedule.ts';
import { seed } from '../support/random.ts';

const options: ScheduleOptions = { scale: 0.05, durationMs: 20_000 };
const operations = planOperations(new Population(seed), options, new SeededRandom(seed));

function visits(): readonly (readonly Operation[])[] {
  const byVisit = new Map<number, Operation[]>();
  for (const operation of operations)
    byVisit.set(operation.visit, [...(byVisit.get(operation.visit) ?? []), operation]);
  return [...byVisit.values()];
}

describe('the schedule', () => {
  test('each phase reaches its published peak, scaled, and none goes above', () => {
    for (const [index, phase] of PHASES.entries()) {
      const from = index * phaseDurationMs(options);
      const rates = Array.from({ length: 1_000 }, (_, step) =>
        rateAt(from + (step * phaseDurationMs(options)) / 1_000, options),
      );
      expect(Math.max(...rates)).toBeCloseTo(phase.peak * options.scale, 6);
    }
  });

  test('operations arrive at those rates: the seconds at the top hold the peak, within chance', () => {
    const country = { ...options, scale: 1 };
    const times = [...operationTimes(country, new SeededRandom(seed))];
    const eachMs = phaseDurationMs(country);
    for (const [index, phase] of PHASES.entries()) {
      const [from, to] = [(index + 0.35) * eachMs, (index + 0.65) * eachMs];
      const expected = (phase.peak * (to - from)) / 1_000;
      const found = times.filter((atMs) => atMs >= from && atMs < to).length;
      expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  test('times ascend, stay within the duration, and are the same for the same seed', () => {
    const times = [...operationTimes(options, new SeededRandom(seed))];
    expect(times.every((atMs, index) => atMs >= (times[index - 1] ?? 0) && atMs < options.durationMs)).toBe(true);
    expect([...operationTimes(options, new SeededRandom(seed))]).toEqual(times);
    expect([...operationTimes(options, new SeededRandom(seed + 1))]).not.toEqual(times);
  });

  test('the programme clock never goes back, and goes from the first phase to the end of the last', () => {
    let beforeMs = 0;
    for (let atMs = 0; atMs <= options.durationMs; atMs += 50) {
      expect(programmeTimeAt(atMs, options)).toBeGreaterThanOrEqual(beforeMs);
      beforeMs = programmeTimeAt(atMs, options);
    }
    expect(programmeTimeAt(0, options)).toBe(PHASES[0]!.fromMs);
    expect(beforeMs).toBe(PHASES.at(-1)!.toMs);
  });
});

describe('the plan', () => {
  test('follows the schedule, and lets whoever is inside finish', () => {
    const again = planOperations(new Population(seed), options, new SeededRandom(seed));
    expect(again).toEqual(operations);
    expect(operations.every(({ atMs }, index) => atMs >= (operations[index - 1]?.atMs ?? 0))).toBe(true);
    const times = [...operationTimes(options, new SeededRandom(seed + 2))];
    const within = operations.filter(({ atMs }) => atMs < options.durationMs).length;
    expect(Math.abs(within - times.length)).toBeLessThan(10 * Math.sqrt(times.length));
  });

  test('a visit begins with its login, thinks between its steps, and ends once', () => {
    for (const steps of visits()) {
      expect(steps[0]!.step.kind).toBe('login');
      expect(steps.filter(({ step }) => step.kind === 'login')).toHaveLength(1);
      expect(new Set(steps.map(({ citizen }) => citizen.taxCode)).size).toBe(1);
      const thoughts = steps.slice(1).map(({ atMs }, index) => atMs - steps[index]!.atMs);
      expect(Math.min(150, ...thoughts)).toBe(150);
      expect(steps.findIndex(({ isLast }) => isLast)).toBe(steps.length - 1);
    }
  });

  test('a first visit enables exactly the cards that it added, and nobody joins twice', () => {
    const joined = new Set<string>();
    for (const steps of visits()) {
      if (!steps.some(({ step }) => step.kind === 'enrol')) continue;
      expect(joined.has(steps[0]!.citizen.taxCode)).toBe(false);
      joined.add(steps[0]!.citizen.taxCode);
      const pans = (kind: string) =>
        new Set(steps.flatMap(({ step }) => (step.kind === kind && 'instrument' in step ? [step.instrument.pan] : [])));
      expect(pans('enableCashback')).toEqual(pans('addMethod'));
    }
    expect(joined.size).toBeGreaterThan(100);
  });

  test('somebody presses twice, and somebody comes back', () => {
    expect(operations.some(({ step }) => step.kind === 'addMethod' && step.isRepeat)).toBe(true);
    expect(operations.some(({ step }) => step.kind === 'ranking')).toBe(true);
  });
});
