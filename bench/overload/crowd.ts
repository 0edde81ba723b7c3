/** A crowd in a process of its own, as its users see it. */
import { type ChildProcess, fork } from 'node:child_process';
import type { CrowdPlan, Phase, PhaseResult } from './plan.ts';

/** Of it there are larger ones, with a program of their own. */
export class Crowd<Plan extends CrowdPlan = CrowdPlan, Part extends Phase = Phase> {
  readonly #child: ChildProcess;

  constructor(program: URL | string = new URL('./crowd-process.js', import.meta.url)) {
    this.#child = fork(program, { stdio: ['ignore', 2, 2, 'ipc'] });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** All citizens connect; whoever was there before goes. */
  async open(plan: Plan): Promise<void> {
    await this.ask({ plan });
  }

  async run(phase: Part): Promise<PhaseResult> {
    const { result } = await this.ask<{ readonly result: PhaseResult }>({ phase });
    return result;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** One question at a time. @throws Error what the crowd met */
  protected async ask<Answer extends object>(told: object): Promise<Answer> {
    const answer = await new Promise<Answer | { readonly problem: string }>((resolve, reject) => {
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
