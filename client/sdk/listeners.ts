/** Who wants to be told of one kind of thing. */
export class Listeners<T> {
  readonly #listeners = new Set<(told: T) => void>();

  /** @returns the way to stop listening */
  add(listener: (told: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(told: T): void {
    for (const listener of this.#listeners) listener(told);
  }
}
