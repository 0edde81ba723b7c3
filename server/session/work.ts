/** What is taken in and not yet answered, over all connections of a kind: stopping waits for it, and takes in no more. */
export class Work {
  #unanswered = 0;
  #isDraining = false;
  readonly #waiting: (() => void)[] = [];

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get unanswered(): number {
    return this.#unanswered;
  }

  begin(): void {
    this.#unanswered += 1;
  }

  end(): void {
    this.#unanswered -= 1;
    if (this.#unanswered === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  during<T>(answer: Promise<T>): Promise<T> {
    this.begin();
    return answer.finally(() => this.end());
  }

  /** From now on nothing is taken in; resolves when everything taken in has been answered. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
