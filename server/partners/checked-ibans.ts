/** An engine that has the bank asked before an IBAN is set, where the programme wants that (domain 2.1). */
import {
  type CitizenKey,
  type CommandReply,
  checkIban,
  type Engine,
  type IbanCheckStatus,
  StorageFault,
  type WalletCommand,
  type WalletCommandBody,
} from '../../engine/index.ts';
import type { IbanChecker, IbanVerdict } from './iban-checker.ts';

type SetIban = Extract<WalletCommandBody, { kind: 'setIban' }>;
type Done = (reply: CommandReply) => void;

export function withCheckedIbans(engine: Engine, checker: IbanChecker): Engine {
  const checks = new IbanChecks(engine, checker);
  return { ...engine, execute: (command, done) => checks.execute(command, done) };
}

class IbanChecks {
  readonly #engine: Engine;
  readonly #checker: IbanChecker;
  /** Whatever else a citizen asks for meanwhile: it came later, and stays later. */
  readonly #behind = new Map<CitizenKey, (() => void)[]>();

  constructor(engine: Engine, checker: IbanChecker) {
    this.#engine = engine;
    this.#checker = checker;
  }

  execute(command: WalletCommand, done: Done): void {
    const { citizen, body } = command;
    const behind = this.#behind.size === 0 ? undefined : this.#behind.get(citizen);
    if (behind !== undefined) behind.push(() => this.execute(command, done));
    else if (body.kind === 'setIban' && body.technicalAccountHolder === undefined)
      void this.#check(command, body, done);
    else this.#engine.execute(command, done);
  }

  async #check(command: WalletCommand, body: SetIban, done: Done): Promise<void> {
    const { citizen } = command;
    this.#behind.set(citizen, []);
    const verdict = await this.#verdict(command, body).catch(failedIfStorage);
    this.#executeWith(verdict, { command, body, done });
    const behind = this.#behind.get(citizen)!;
    this.#behind.delete(citizen);
    for (const execute of behind) execute();
  }

  /** Null: nobody need be asked, for the engine refuses it, or has done it before. */
  async #verdict({ citizen, taxCode, origin, id }: WalletCommand, body: SetIban): Promise<IbanVerdict | null> {
    const iban = checkIban(body.iban);
    if (!iban.ok) return null;
    const [wallet, outcome] = await Promise.all([
      this.#engine.wallet(citizen),
      this.#engine.outcome(citizen, origin, id),
    ]);
    if (!wallet.ok || !wallet.value.enabled) return null;
    if (outcome.ok && outcome.value.state === 'done') return null;
    return this.#checker.check(iban.value, taxCode);
  }

  #executeWith(
    verdict: IbanVerdict | null,
    { command, body, done }: { readonly command: WalletCommand; readonly body: SetIban; readonly done: Done },
  ): void {
    if (verdict === null) this.#engine.execute(command, done);
    else if (verdict === 'INVALID') done({ ok: false, code: 'IBAN_INVALID' });
    else if (verdict === 'FAILED') done({ ok: false, code: 'INTERNAL_ERROR' });
    else this.#engine.execute({ ...command, body: { ...body, checkStatus: storedAs(verdict) } }, done);
  }
}

/** Domain 2.1, R13: nobody waits for the service. It is asked again later. */
function storedAs(verdict: Exclude<IbanVerdict, 'INVALID' | 'FAILED'>): IbanCheckStatus {
  return verdict === 'UNREACHABLE' ? 'UNKNOWN_PSP' : verdict;
}

/** What the citizen has cannot be read: told as any read of it is. */
function failedIfStorage(error: unknown): IbanVerdict {
  if (error instanceof StorageFault) return 'FAILED';
  throw error;
}
