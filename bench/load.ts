/** The load generator's process: takes plans over its IPC channel, one after the other, and answers with results. */
import type { LoadPlan } from './load/plan.ts';
import { runLoad } from './load/run.ts';

process.on('message', (plan: LoadPlan) => {
  runLoad(plan, (phase) => process.send?.({ phase })).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
