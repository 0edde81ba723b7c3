/** Prints what each group of tests took beside its budget. Never fails a run: these machines are shared. */
import { relative, sep } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { BUDGET_MINUTES } from '../budgets.ts';

export default class BudgetReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const used = new Map<string, number>();
    for (const module of modules) {
      const [, group = ''] = relative(process.cwd(), module.moduleId).split(sep);
      used.set(group, (used.get(group) ?? 0) + module.diagnostic().duration / 60_000);
    }
    for (const [group, minutes] of [...used].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const budget = BUDGET_MINUTES[group] ?? 0.5;
      const mark = minutes > budget ? '  over budget' : '';
      console.info(`${group.padEnd(12)} ${minutes.toFixed(2).padStart(6)} of ${budget} min${mark}`);
    }
  }
}
