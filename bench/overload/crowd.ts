/** A crowd in a process of its own, as its users see it. */
import { type ChildProcess, fork } from 'node:child_process';
import type { CrowdPlan, Phase, PhaseResult } from './plan.ts';

type Answer = { readonly opened: true } | { readonly result: PhaseResult } | { readonly problem: string };

export class Crowd {
  readonly #child: ChildProcess = fork(new URL('./crowd-process.js', import.meta.url), {
    stdio: ['ignore', 2, 2, 'ipc'],
  });

  get pid(): number {
    return this.#child.pid!;
  }

  /** All citizens connect; whoever was there before goes. */
  async open(plan: CrowdPlan): Promise<void> {
    await this.#ask({ plan });
  }

  async run(phase: Phase): Promise<PhaseResult> {
    const answer = await this.#ask({ phase });
    if (!('result' in answer)) throw new Error('the crowd did not say what became of it');
    return answer.result;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** @throws Error what the crowd met */
  async #ask(told: object): Promise<Answer> {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const died = (code: number | null) => reject(new Error(`the crowd died (exit code ${code})`));
      this.#child.once('exit', died);
      this.#child.once('message', (message) => {
        this.#child.off('exit', died);
        resolve(message as Answer);
      });
      this.#child.send(told);
    });
    if ('problem' in answer) throw new Error(answer.problem);
    return answer;
  }
}
