/** Who waits for an outcome, by key. Memory only: who asked before a crash asks again by id. */
export class Waiting<Reply> {
  readonly #waiting = new Map<string, ((reply: Reply) => void)[]>();

  get count(): number {
    return this.#waiting.size;
  }

  add(key: string, done: (reply: Reply) => void): void {
    const known = this.#waiting.get(key);
    if (known === undefined) this.#waiting.set(key, [done]);
    else known.push(done);
  }

  take(key: string): readonly ((reply: Reply) => void)[] {
    const known = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    return known;
  }
}
