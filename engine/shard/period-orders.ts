/**
 * Has operators' decisions about periods carried out by all stores. All of them first say by which programme they judge and
 * hold back what is new; then partition 0 decides, durably; then all go on, by what was decided. So no record is judged by
 * one store as the programme was and by another as it is, and a start after a death finds in partition 0 what holds.
 *
 *     store 0   hold            decide, flush   go on
 *     store 1   hold   (waits)                  go on
 */
import { invariant } from '../assert.ts';
import type { PeriodDecision, PeriodOrder } from '../contract.ts';
import type { Read } from '../engine.ts';
import { InOrder } from '../in-order.ts';
import { canonicalJson, type Law, lastReopening, programmeIn } from '../programme/index.ts';
import type { CoordinatedShard, PeriodSettled } from './parts.ts';
import type { PeriodClosing } from './period-closing.ts';
import type { Rankings } from './rankings.ts';

export interface PeriodOrdersOptions {
  readonly law: Law;
  readonly shards: readonly CoordinatedShard[];
  readonly rankings: Rankings;
  readonly closing: PeriodClosing;
  /** As the start found them. */
  readonly decisions: readonly PeriodDecision[];
}

export class PeriodOrders {
  readonly #options: PeriodOrdersOptions;
  readonly #inOrder = new InOrder();

  constructor(options: PeriodOrdersOptions) {
    this.#options = options;
  }

  /** Whoever goes by the programme waits until no order is under way: what it will be is not known before. */
  settled(): Promise<void> {
    return this.#inOrder.run(async () => {});
  }

  decide(order: PeriodOrder): Promise<Read<PeriodSettled>> {
    return this.#inOrder.run(() => this.#decide(order));
  }

  async #decide(order: PeriodOrder): Promise<Read<PeriodSettled>> {
    const { law, shards, rankings, closing } = this.#options;
    const programmes = await Promise.all(shards.map((shard) => shard.holdBack()));
    const own = canonicalJson(law);
    invariant(
      programmes.every((programme) => programme === own),
      'all stores judge by one programme',
    );
    const judged = await shards[0]!.judgePeriod(order, closing.isFinal(order.awardPeriodId));
    const settled = judged.ok ? judged.value : NOTHING;
    if (settled.programme !== '') {
      law.adopt(programmeIn(settled.programme));
      rankings.follow(law);
    }
    await this.#carryOut(settled);
    return judged;
  }

  /** What a death may have kept from some partitions: a period is open again for all of them, or for none. */
  resume(): Promise<void> {
    return this.#inOrder.run(async () => {
      const { decisions } = this.#options;
      for (const decision of decisions) {
        if (lastReopening(decisions, decision.awardPeriodId) !== decision) continue;
        await this.#carryOut({ decision, programme: '' });
      }
    });
  }

  async #carryOut(settled: PeriodSettled): Promise<void> {
    const { shards, closing } = this.#options;
    const counts = await Promise.all(shards.map((shard) => shard.settlePeriod(settled)));
    if (settled.decision !== null && counts.some((count) => count > 0)) closing.reopen(settled.decision);
  }
}

const NOTHING: PeriodSettled = { decision: null, programme: '' };
