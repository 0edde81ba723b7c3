/** A failed flush is final: whatever the disk answers later, nothing more is asked of it (faults 8 and 9). */
import { StorageFault } from '../engine/ports.ts';

export class FailStop {
  readonly #failed: (fault: StorageFault) => void;
  #fault: StorageFault | null = null;

  /** @param failed told of the first failure, before anybody else is */
  constructor(failed: (fault: StorageFault) => void = () => {}) {
    this.#failed = failed;
  }

  /** Or was closed. */
  get hasFailed(): boolean {
    return this.#fault !== null;
  }

  /** @throws StorageFault JOURNAL_FAILED once anything failed or the store was closed */
  check(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  /** Runs `work` unless something failed before; its failure is the last thing that is tried. */
  async guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.check();
    try {
      return await work();
    } catch (error) {
      throw this.fail(what, error);
    }
  }

  fail(what: string, cause: unknown): StorageFault {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (this.#fault !== null) return this.#fault;
    this.#fault = new StorageFault('JOURNAL_FAILED', `${what} failed: ${reason}; stopping, nothing is retried`, {
      cause,
    });
    this.#failed(this.#fault);
    return this.#fault;
  }

  close(): void {
    this.#fault ??= new StorageFault('STORE_CLOSED', 'the store is closed');
  }
}
