/** Rows of files, which yield: they take what nobody else wants, and go one by one where others wait (faults 70). */
export class FileLane {
  #rowsMax = 1;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  get inside(): number {
    return this.#inside;
  }

  /** Of all files together; at least 1, so that none stands still for ever. */
  setRowsMax(count: number): void {
    this.#rowsMax = Math.max(1, count);
    this.#callNext();
  }

  /** Null: the row may be handed over; else when it may. Whoever enters leaves, once. */
  enter(): Promise<void> | null {
    if (this.#waiting.length === 0 && this.#inside < this.#rowsMax) {
      this.#inside += 1;
      return null;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    this.#inside -= 1;
    this.#callNext();
  }

  #callNext(): void {
    while (this.#waiting.length > 0 && this.#inside < this.#rowsMax) {
      this.#inside += 1;
      this.#waiting.shift()!();
    }
  }
}
