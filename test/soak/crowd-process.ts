/** The crowd's process: takes a plan, phases and checks over its IPC channel, one after the other, and answers each. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Template } from '../../bench/load/template.ts';
import { Canaries } from '../../bench/overload/canary.ts';
import type { Reply, Wish } from '../../bench/overload/citizen.ts';
import { People } from '../../bench/overload/people.ts';
import type { PhaseResult } from '../../bench/overload/plan.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import { Acquirer } from './acquirer.ts';
import { SoakWishes } from './citizens.ts';
import { Hostile } from './hostile.ts';
import { Ledger } from './ledger.ts';
import { patientFetch } from './patient-fetch.ts';
import type { Check, Checked, SoakPhase, SoakPlan } from './plan.ts';

type Told = { readonly plan: SoakPlan } | { readonly phase: SoakPhase } | { readonly check: Check };

/** Of the promises that are asked for so many are sent again. */
const AGAIN_COUNT = 200;
/** Rows that are asked for, for each command that is. */
const ROW_SHARE = 0.1;
/** Everybody who waits for its turn has come by then, also after ten times too many. */
const SETTLE_MS_MAX = 120_000;

class SoakCrowd {
  readonly #plan: SoakPlan;
  readonly #random: SeededRandom;
  readonly #ledger: Ledger;
  readonly #wishes: SoakWishes;
  readonly #people: People;
  readonly #acquirer: Acquirer;

  constructor(plan: SoakPlan) {
    const { tokens, seed, folder, acquirerToken } = plan;
    this.#plan = plan;
    this.#random = new SeededRandom(seed, 2);
    const citizenCount = tokens.length;
    const canaries = new Canaries(citizenCount);
    this.#ledger = new Ledger(join(folder, 'commands'));
    this.#wishes = new SoakWishes(canaries, this.#ledger, { citizenCount, seed });
    this.#people = new People(plan, canaries, this.#wishes);
    this.#acquirer = new Acquirer({ url: this.#url, token: acquirerToken, citizenCount, ledger: join(folder, 'rows') });
  }

  open(): Promise<void> {
    return this.#people.open();
  }

  async run(phase: SoakPhase): Promise<PhaseResult> {
    const { ms, rowsPerSecond, trxMs, hostileCount = 0, fileRows = 0 } = phase;
    const hostile = new Hostile(this.#url, this.#plan.botTokens.slice(0, hostileCount), this.#random);
    if (phase.isDropped === true) this.#people.drop();
    if (fileRows > 0) this.#acquirer.sendFile(fileRows, trxMs);
    const paying = this.#acquirer.pay(rowsPerSecond, trxMs, performance.now() + ms);
    const result = await this.#people.run(phase);
    await paying;
    hostile.stop();
    return result;
  }

  /** When everything has its answer: what was promised is there, and as often as it was promised. */
  async check({ newestCount, olderCount, areTotalsAsked, periodCount }: Check): Promise<Checked> {
    const settled = Promise.all([this.#people.settle(), this.#acquirer.settle()]);
    if ((await Promise.race([settled, pause(SETTLE_MS_MAX, null, { ref: false })])) === null) {
      return { ...this.#sums(0), broken: [`somebody had no answer within ${SETTLE_MS_MAX} ms`] };
    }
    if (this.#plan.isPlanted) this.#ledger.add({ number: 2 ** 31, citizen: 0, kind: 0, digest: 0 });
    const broken = [...(await this.#counts())];
    const promises = this.#ledger.some(newestCount, olderCount, this.#random);
    broken.push(...(await this.#wishes.ask(this.#people, promises, AGAIN_COUNT)));
    const [newestRows, olderRows] = [newestCount, olderCount].map((count) => Math.floor(count * ROW_SHARE));
    broken.push(...(await this.#acquirer.ask(newestRows!, olderRows!, this.#random)));
    if (areTotalsAsked) broken.push(...(await this.#totals(periodCount)));
    return { ...this.#sums(promises.length), broken };
  }

  #sums(askedCount: number): Omit<Checked, 'broken'> {
    const { countedCount: rowCount, notCounted } = this.#acquirer;
    return { commandCount: this.#ledger.count, rowCount, askedCount, notCounted };
  }

  /** Neither one less nor one more than were acknowledged: whoever is told nothing asks until it is. */
  async #counts(): Promise<readonly string[]> {
    const response = await patientFetch(`${this.#url}/status`);
    const { engine } = (await response.json()) as {
      readonly engine: { readonly commandsDone: number; readonly paymentsListed: number };
    };
    return [
      difference('commands', engine.commandsDone, this.#ledger.count),
      difference('payments', engine.paymentsListed, this.#acquirer.countedCount),
    ].flat();
  }

  async #totals(periodCount: number): Promise<readonly string[]> {
    const paid = new Map<number, number>();
    const totals = Array.from(
      { length: periodCount },
      (_, at) => new Template({ type: 'total', awardPeriodId: at + 1 }),
    );
    for (const total of totals) {
      await this.#people.everybody((citizen): Wish => {
        const answered = ({ view }: Reply) => {
          const { transactionNumber } = view as { readonly transactionNumber: number };
          paid.set(citizen, (paid.get(citizen) ?? 0) + transactionNumber);
        };
        return { frame: (ref) => total.fill(ref, []), showsData: false, answered };
      });
    }
    return [...paid].flatMap(([citizen, count]) =>
      difference(`payments of citizen ${citizen}`, count, this.#acquirer.countedOf(citizen)),
    );
  }

  get #url(): string {
    return `http://${this.#plan.host}:${this.#plan.port}`;
  }

  close(): void {
    this.#people.close();
    this.#acquirer.close();
    this.#ledger.close();
  }
}

function difference(what: string, there: number, promised: number): readonly string[] {
  if (there === promised) return [];
  const count = Math.abs(there - promised);
  return [`${what}: ${count} ${there < promised ? 'lost' : 'too many'} (${there} there, ${promised} acknowledged)`];
}

class Listener {
  #crowd: SoakCrowd | null = null;

  async act(told: Told): Promise<object> {
    if ('phase' in told) return { result: await this.#crowd!.run(told.phase) };
    if ('check' in told) return { checked: await this.#crowd!.check(told.check) };
    this.#crowd = new SoakCrowd(told.plan);
    await this.#crowd.open();
    return { opened: true };
  }

  close(): void {
    this.#crowd?.close();
  }
}

const listener = new Listener();
process.on('message', (told: Told) => {
  listener.act(told).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ problem: error instanceof Error ? `${error.stack}` : String(error) }),
  );
});
process.on('disconnect', () => {
  listener.close();
  process.exit(0);
});
