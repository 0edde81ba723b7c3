/**
 * A walk that asks one thing at a time, beside the oracle of the law (test/model/oracle.ts), whatever dies and whatever
 * is lost meanwhile: each answer must be the law's, and now and then so must everything that can be read.
 */
import { closesAtMs, dayNumberOf, dayText } from '../../engine/index.ts';
import { Oracle, type OraclePlace } from '../model/oracle.ts';
import { CARDS, PEOPLE, type Step } from '../model/walk.ts';
import { expectThat } from './fault.ts';
import { isSame, type RecordReply } from './requests.ts';
import type { World } from './world.ts';

const CHECKED_EVERY = 12;

export class CalmWalk {
  readonly #world: World;
  readonly #oracle: Oracle;
  /** Positions as they were when a period closed (DECISION 25). */
  readonly #frozen = new Map<number, readonly OraclePlace[]>();

  constructor(world: World) {
    this.#world = world;
    const periods = world.scene.programme.periods.map(({ awardPeriodId, startDay, endDay, graceDays }) => {
      return { awardPeriodId, startDay, endDay, lastDay: dayText(dayNumberOf(endDay)! + graceDays) };
    });
    this.#oracle = new Oracle(periods, PEOPLE);
  }

  async walk(stepCount: number): Promise<void> {
    for (let step = 1; step <= stepCount; step += 1) {
      await this.#take(this.#world.workload.nextStep(this.#world.nowMs));
      if (step % CHECKED_EVERY === 0) await this.#compare();
    }
    await this.#compare();
  }

  async #take(step: Step): Promise<void> {
    if (step.kind === 'wait') return this.#pass(step.ms);
    const world = this.#world;
    // Terms that differ: see the ranking's last tie-break in a storm.
    if (step.kind === 'command') this.#pass(1);
    const askedMs = world.nowMs;
    if (step.kind === 'command') {
      const reply = await world.do(step.name, step.body);
      // The answer may arrive when its engine is dead and the clock is set wrong, behind what it was.
      const expected = this.#oracle.execute(step.name, step.body, Math.max(askedMs, world.nowMs));
      const told = reply.ok ? 'done' : reply.code;
      return expectThat(told === expected, 'law', () => `${step.name} ${step.body.kind}: ${told}, not ${expected}`);
    }
    const { reply, receivedMs } = await world.send(step.record);
    const expected = this.#oracle.record(step.record, receivedMs);
    const told = textOf(reply);
    // Who asks again after a death is told that the row is there.
    const isKnown = told === 'rejected DUPLICATE_RECORD' && !/^(rejected|dropped)/.test(String(expected));
    expectThat(told === String(expected) || isKnown, 'law', () => {
      return `${step.record.operationType} ${step.record.idTrxAcquirer}: ${told}, not ${expected}`;
    });
  }

  #pass(ms: number): void {
    const laterMs = this.#world.nowMs + ms;
    for (const period of this.#world.scene.programme.periods) {
      const { awardPeriodId } = period;
      if (laterMs < closesAtMs(period) || this.#frozen.has(awardPeriodId)) continue;
      this.#frozen.set(awardPeriodId, this.#oracle.ranking(awardPeriodId));
    }
    this.#world.passTime(ms);
  }

  /** Everything is asked at once: so it travels in few batches. */
  async #compare(): Promise<void> {
    const { citizens, scene } = this.#world;
    const periods = scene.programme.periods.map(({ awardPeriodId }) => awardPeriodId);
    await Promise.all([
      ...periods.map((awardPeriodId) => this.#compareRanking(awardPeriodId)),
      ...[...citizens].flatMap(([name, citizen]) => [
        ...periods.map((awardPeriodId) => this.#compareTotal(name, citizen, awardPeriodId)),
        ...CARDS.map((hpan) => this.#compareCard(name, citizen, hpan)),
      ]),
    ]);
  }

  async #compareTotal(name: string, citizen: string, awardPeriodId: number): Promise<void> {
    const total = await this.#world.ask((engine) => engine.total(citizen, awardPeriodId));
    const { rawCents, count } = this.#oracle.total(name, awardPeriodId);
    const told = total.ok ? [total.value.rawCents, total.value.transactionNumber] : [0, 0];
    expectThat(isSame(told, [rawCents, count]), 'law', () => {
      return `${name} in period ${awardPeriodId} has ${told.join(' of ')}, by law ${rawCents} of ${count}`;
    });
  }

  async #compareCard(name: string, citizen: string, hpan: string): Promise<void> {
    const owner = this.#oracle.owner(hpan);
    const read = await this.#world.ask((engine) => engine.instrument(citizen, hpan));
    const isActive = read.ok && read.value.status === 'ACTIVE';
    expectThat(isActive === (owner === name), 'law', () => `${name}: ${JSON.stringify(read)}, owner ${owner}`);
  }

  async #compareRanking(awardPeriodId: number): Promise<void> {
    const names = new Map([...this.#world.citizens].map(([name, citizen]) => [citizen, name]));
    const page = await this.#world.ask((engine) => engine.rankingPage(awardPeriodId, 1, 100));
    const told = page.ok ? page.value.map((one) => [names.get(one.citizen), one.transactionNumber, one.lastTrxMs]) : [];
    const places = this.#frozen.get(awardPeriodId) ?? this.#oracle.ranking(awardPeriodId);
    const expected = places.map(({ name, count, lastTrxMs }) => [name, count, lastTrxMs]);
    expectThat(isSame(told, expected), 'law', () => {
      return `period ${awardPeriodId} is ranked ${JSON.stringify(told)}, by law ${JSON.stringify(expected)}`;
    });
  }
}

function textOf(reply: RecordReply): string {
  if ('ok' in reply) return reply.code;
  if ('scoreCents' in reply) return String(reply.scoreCents);
  return 'code' in reply ? `${reply.status} ${reply.code}` : reply.status;
}
