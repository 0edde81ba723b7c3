/** The crowd's process: takes a plan and then phases over its IPC channel, one after the other, and answers each. */
import { Canaries } from './canary.ts';
import { People } from './people.ts';
import type { CrowdPlan, Phase } from './plan.ts';
import { ClickDayWishes } from './wishes.ts';

type Told = { readonly plan: CrowdPlan } | { readonly phase: Phase };

class Listener {
  #people: People | null = null;

  async act(told: Told): Promise<object> {
    if ('phase' in told) return { result: await this.#people!.run(told.phase) };
    this.#people?.close();
    const canaries = new Canaries(told.plan.tokens.length);
    this.#people = new People(told.plan, canaries, new ClickDayWishes(canaries, told.plan.seed));
    await this.#people.open();
    return { opened: true };
  }
}

const listener = new Listener();
process.on('message', (told: Told) => {
  listener.act(told).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
