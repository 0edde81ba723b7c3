/**
 * Asks the bank service again about accounts that it could not verify when they were set (R13), and has the engine journal
 * what it says. Which ones are due stands in the engine's rows, so nothing is forgotten at a stop; only so many are asked
 * about at a time, so that citizens who set an IBAN meanwhile find the service free.
 */
import {
  type AccountRecheck,
  type Clock,
  type Engine,
  type RecheckVerdict,
  StorageFault,
  type UnverifiedAccount,
} from '../../engine/index.ts';
import { Rounds } from '../rounds.ts';
import type { IbanChecker } from './iban-checker.ts';

export interface AccountRechecksOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly checker: IbanChecker;
  /** Rests are in real time: the service's. */
  readonly monotonicMs: () => number;
  /** The engine could not be asked, or told: tried again. */
  readonly failed: (fault: unknown) => void;
}

/** Answers that were journaled since the start. */
export type RecheckCounts = Readonly<Record<RecheckVerdict, number>>;

/** In one round, all at once: a quarter of what a partner is asked at once. */
const AT_ONCE_MAX = 64;
/** After a service that did not answer at all, or an engine that failed. */
const REST_MS = 60_000;

export class AccountRechecks {
  readonly #options: AccountRechecksOptions;
  readonly #counts = { OK: 0, KO: 0, INVALID: 0, UNKNOWN_PSP: 0 };
  readonly #rounds: Rounds;

  constructor(options: AccountRechecksOptions) {
    this.#options = options;
    this.#rounds = new Rounds({ ...options, restMs: REST_MS });
  }

  get counts(): RecheckCounts {
    return this.#counts;
  }

  /** One round, unless one is under way or the service is left alone. Resolves when it has ended. */
  tick(): Promise<void> {
    return this.#rounds.run(() => this.#recheckDue());
  }

  /** What is being asked is, and is journaled. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #recheckDue(): Promise<void> {
    const { engine, clock } = this.#options;
    const due = await engine.unverifiedAccounts(clock.nowMs(), AT_ONCE_MAX);
    if (!due.ok) return;
    const asked = await Promise.all(due.value.map((account) => this.#recheck(account)));
    const rechecks = asked.filter((one) => one !== null);
    if (rechecks.length === 0) return;
    const told = await engine.recheckAccounts(rechecks);
    if (told.ok) for (const { verdict } of rechecks) this.#counts[verdict] += 1;
  }

  /** Null: not now, and it stays due. */
  async #recheck({ citizen, dueMs }: UnverifiedAccount): Promise<AccountRecheck | null> {
    const verdict = await this.#verdict(citizen).catch(unknownIfStorage);
    return verdict === null ? null : { citizen, dueMs, verdict };
  }

  async #verdict(citizen: string): Promise<RecheckVerdict | null> {
    const { engine, checker } = this.#options;
    const [wallet, taxCode] = await Promise.all([engine.wallet(citizen), engine.taxCode(citizen)]);
    if (!wallet.ok || !taxCode.ok || wallet.value.iban === null) return null;
    const verdict = await checker.check(wallet.value.iban, taxCode.value);
    switch (verdict) {
      case 'UNREACHABLE':
        this.#rounds.rest();
        return null;
      case 'FAILED':
        return 'UNKNOWN_PSP';
      default:
        return verdict;
    }
  }
}

/** Whose key is gone has no account that could be read: looked at again later, so that others come first. */
function unknownIfStorage(error: unknown): RecheckVerdict {
  if (error instanceof StorageFault) return 'UNKNOWN_PSP';
  throw error;
}
