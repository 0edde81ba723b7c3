/**
 * Who does what at each instant of the schedule. Pure: same seed, same plan.
 *
 * A visit is a row of steps with a moment of thought between them. Each instant goes to the visit that has thought
 * longest, and opens a new visit when nobody is ready; so the operations follow the published rates exactly, however
 * many steps a visit has.
 */
import type { Citizen, Instrument, Population } from './population.ts';
import type { SeededRandom } from './random.ts';
import { operationTimes, PHASES, phaseAt, rateAt, type ScheduleOptions } from './schedule.ts';

type Step =
  | { readonly kind: 'login' }
  | { readonly kind: 'enrol' }
  | { readonly kind: 'wallet' }
  | { readonly kind: 'addMethod'; readonly instrument: Instrument; readonly isRepeat: boolean }
  | { readonly kind: 'enableCashback'; readonly instrument: Instrument }
  | { readonly kind: 'setIban'; readonly iban: string }
  | { readonly kind: 'ranking' };
export type StepKind = Step['kind'];

export interface Operation {
  /** When the person presses, milliseconds since the start. */
  readonly atMs: number;
  readonly citizen: Citizen;
  /** Counts the visits of all: steps of one visit happen on one connection, in order. */
  readonly visit: number;
  readonly step: Step;
  readonly isLast: boolean;
}

/** A person reads the answer before pressing again. Hours pass in seconds here, so thoughts are short. */
const THOUGHT_MS_MIN = 150;
const THOUGHT_MS_SPAN = 500;
/** Pressed twice, because nothing seemed to happen: the same command under the same id (requirement R14). */
const REPEAT_SHARE = 0.04;

interface Visit {
  readonly number: number;
  readonly citizen: Citizen;
  readonly steps: readonly Step[];
  done: number;
  readyMs: number;
}

export function planOperations(population: Population, options: ScheduleOptions, random: SeededRandom): Operation[] {
  const operations: Operation[] = [];
  const thinking: Visit[] = [];
  const finished: Citizen[] = [];
  let citizenCount = 0;
  let visitCount = 0;

  const newVisit = (atMs: number): Visit => {
    const { returningShare } = PHASES[phaseAt(atMs, options).index]!;
    const returns = finished.length > 0 && random.chance(returningShare);
    const citizen = returns ? random.pick(finished) : population.citizen(citizenCount++);
    const steps = returns ? stepsOfReturn() : stepsOfFirstVisit(citizen, random);
    return { number: visitCount++, citizen, steps, done: 0, readyMs: atMs };
  };

  const perform = (visit: Visit, atMs: number) => {
    const step = visit.steps[visit.done]!;
    visit.done += 1;
    const isLast = visit.done === visit.steps.length;
    operations.push({ atMs, citizen: visit.citizen, visit: visit.number, step, isLast });
    if (isLast) finished.push(visit.citizen);
    else think(thinking, visit, atMs + THOUGHT_MS_MIN + random.below(THOUGHT_MS_SPAN));
  };

  for (const atMs of operationTimes(options, random)) {
    const isReady = thinking.length > 0 && thinking[0]!.readyMs <= atMs;
    perform(isReady ? thinking.shift()! : newVisit(atMs), atMs);
  }
  // The doors are closed; whoever is inside may finish, no faster than people came in at the end.
  const ratePerMs = rateAt(options.durationMs, options) / 1_000;
  for (let atMs = options.durationMs; thinking.length > 0; ) {
    atMs = Math.max(atMs + random.exponential(ratePerMs), thinking[0]!.readyMs);
    perform(thinking.shift()!, atMs);
  }
  return operations;
}

/** Into its place in the order of `readyMs`. */
function think(thinking: Visit[], visit: Visit, readyMs: number): void {
  visit.readyMs = readyMs;
  let [low, high] = [0, thinking.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (thinking[middle]!.readyMs <= readyMs) low = middle + 1;
    else high = middle;
  }
  thinking.splice(low, 0, visit);
}

/** What the app led people through: join, open the wallet, add and enable each card, say where the money goes. */
function stepsOfFirstVisit(citizen: Citizen, random: SeededRandom): readonly Step[] {
  const instruments = citizen.borrowed === null ? citizen.instruments : [...citizen.instruments, citizen.borrowed];
  return [
    { kind: 'login' },
    { kind: 'enrol' },
    { kind: 'wallet' },
    ...instruments.flatMap((instrument) => stepsOfInstrument(instrument, random)),
    ...(citizen.iban === null ? [] : [{ kind: 'setIban', iban: citizen.iban } as const]),
    { kind: 'wallet' },
  ];
}

function stepsOfInstrument(instrument: Instrument, random: SeededRandom): readonly Step[] {
  const add = { kind: 'addMethod', instrument, isRepeat: false } as const;
  const repeat = random.chance(REPEAT_SHARE) ? [{ ...add, isRepeat: true }] : [];
  return [add, ...repeat, { kind: 'enableCashback', instrument }];
}

function stepsOfReturn(): readonly Step[] {
  return [{ kind: 'login' }, { kind: 'wallet' }, { kind: 'ranking' }];
}
