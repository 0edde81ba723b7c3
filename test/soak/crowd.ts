/** The crowd in its process, as the soak sees it. */
import { Crowd } from '../../bench/overload/crowd.ts';
import type { Check, Checked, SoakPhase, SoakPlan } from './plan.ts';

export class SoakCrowd extends Crowd<SoakPlan, SoakPhase> {
  /** @throws Error what the crowd met */
  async check(check: Check): Promise<Checked> {
    const { checked } = await this.ask<{ readonly checked: Checked }>({ check });
    return checked;
  }
}
