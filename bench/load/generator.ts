/** A load generator in a process of its own, as its users see it. */
import { type ChildProcess, fork } from 'node:child_process';
import type { LoadPlan, LoadResult } from './plan.ts';
import type { OnPhase, Phase } from './run.ts';

type Answer = { readonly result: LoadResult } | { readonly problem: string };
type Told = Answer | { readonly phase: Phase };

export class Generator {
  readonly #child: ChildProcess = fork(new URL('../load.js', import.meta.url), { stdio: ['ignore', 2, 2, 'ipc'] });

  /** Rejects when the run broke, with the reason. One run at a time. */
  async run(plan: LoadPlan, onPhase: OnPhase = () => {}): Promise<LoadResult> {
    const answer = await this.#answer(plan, onPhase);
    if ('problem' in answer) throw new Error(answer.problem);
    return answer.result;
  }

  #answer(plan: LoadPlan, onPhase: OnPhase): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const died = (code: number | null) => reject(new Error(`the load generator died (exit code ${code})`));
      const told = (message: unknown) => {
        const answer = message as Told;
        if ('phase' in answer) return onPhase(answer.phase);
        this.#child.off('exit', died);
        this.#child.off('message', told);
        resolve(answer);
      };
      this.#child.on('exit', died);
      this.#child.on('message', told);
      this.#child.send(plan);
    });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
