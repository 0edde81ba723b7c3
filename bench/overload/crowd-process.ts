/** The crowd's process: takes a plan and then phases over its IPC channel, one after the other, and answers each. */
import { People } from './people.ts';
import type { CrowdPlan, Phase } from './plan.ts';

type Told = { readonly plan: CrowdPlan } | { readonly phase: Phase };

let people: People | null = null;

async function act(told: Told): Promise<object> {
  if ('phase' in told) return { result: await people!.run(told.phase) };
  people?.close();
  people = new People(told.plan);
  await people.open();
  return { opened: true };
}

process.on('message', (told: Told) => {
  act(told).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
