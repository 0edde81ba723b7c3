/**
 * The check at the end: every acknowledged command is there with the acknowledged answer, nothing refused is, and
 * totals and ranks are those of the replay's own plain computation. Each citizen is asked over its own connection.
 */
import type { Answer } from '../../engine/contract.ts';
import type { ChangeType } from '../../server/wire/index.ts';
import { ClickdayClient, type SocketConstructor } from '../sdk/index.ts';
import type { Acknowledged, Ledger, Standing } from './ledger.ts';

export interface AuditOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  readonly tokenOf: (taxCode: string) => string;
  readonly ledger: Ledger;
  readonly awardPeriodId: number;
  readonly standings: () => readonly Standing[];
  readonly onProgress: (done: number, of: number) => void;
}

export interface AuditResult {
  readonly citizens: number;
  readonly commandsAsked: number;
  /** Commands whose reply never came, settled now by asking. */
  readonly unknownSettled: number;
  readonly ranksCompared: number;
  readonly totalsCompared: number;
  /** Empty when every promise was kept. */
  readonly differences: readonly string[];
}

/** Connections open at once, as many as the server verifies tokens without haste. */
const AT_ONCE = 24;
/** A wrong engine would differ everywhere: enough to find the cause. */
const DIFFERENCES_MAX = 20;

export async function audit(options: AuditOptions): Promise<AuditResult> {
  const auditor = new Auditor(options);
  await auditor.settleCommands();
  await auditor.compareStandings();
  return auditor.result();
}

class Auditor {
  readonly #options: AuditOptions;
  readonly #differences: string[] = [];
  #commandsAsked = 0;
  #unknownSettled = 0;
  #ranksCompared = 0;
  #totalsCompared = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  result(): AuditResult {
    return {
      citizens: this.#options.ledger.citizens.size,
      commandsAsked: this.#commandsAsked,
      unknownSettled: this.#unknownSettled,
      ranksCompared: this.#ranksCompared,
      totalsCompared: this.#totalsCompared,
      differences: [...this.#options.ledger.violations, ...this.#differences].slice(0, DIFFERENCES_MAX),
    };
  }

  /** First, since a command without an answer may have moved a card. */
  async settleCommands(): Promise<void> {
    const byCitizen = groupBy(this.#options.ledger.commands, ({ taxCode }) => taxCode);
    await this.#forEachCitizen([...byCitizen.keys()], async (client, taxCode) => {
      await Promise.all(byCitizen.get(taxCode)!.map((command) => this.#settle(client, command)));
    });
  }

  async compareStandings(): Promise<void> {
    const { ledger, standings } = this.#options;
    const places = standings();
    const rankOf = new Map(places.map((standing, index) => [standing.taxCode, { ...standing, rank: index + 1 }]));
    await this.#forEachCitizen([...ledger.citizens.keys()], async (client, taxCode) => {
      await this.#compareRank(client, taxCode, rankOf.get(taxCode)?.rank ?? places.length + 1, places.length);
      await this.#compareTotal(client, taxCode, rankOf.get(taxCode));
    });
  }

  async #settle(client: ClickdayClient, command: Acknowledged): Promise<void> {
    const { ledger } = this.#options;
    const reply = await client.read('outcome', { id: command.id });
    this.#commandsAsked += 1;
    if (!reply.ok) return this.#differs(`outcome of ${nameOf(command)} was refused: ${reply.code}`);
    const { view } = reply;
    if (view.state === 'in-progress') return this.#differs(`${nameOf(command)} is still in progress`);
    if (command.answer !== null) {
      if (view.state !== 'done') return this.#differs(`${nameOf(command)} was acknowledged and is not there`);
      return this.#compareAnswers(command, command.answer, view.answer);
    }
    if (ledger.isRefused(command.id)) {
      if (view.state === 'done') this.#differs(`${nameOf(command)} was refused and is there`);
      return;
    }
    this.#unknownSettled += 1;
    if (view.state === 'done') ledger.note({ ...command, answer: view.answer });
  }

  #compareAnswers(command: Acknowledged, acknowledged: Answer, kept: Answer): void {
    const [one, other] = [sortedText(acknowledged), sortedText(kept)];
    if (one !== other) this.#differs(`${nameOf(command)} was answered ${one} and is kept as ${other}`);
  }

  async #compareRank(client: ClickdayClient, taxCode: string, rank: number, participants: number): Promise<void> {
    const reply = await client.read('ranking', { awardPeriodId: this.#options.awardPeriodId });
    this.#ranksCompared += 1;
    const view = reply.ok ? reply.view[0] : undefined;
    if (view === undefined) return this.#differs(`no ranking for ${taxCode}`);
    if (view.ranking !== rank) this.#differs(`${taxCode} has rank ${view.ranking}, not ${rank}`);
    if (view.totalParticipants !== participants) {
      this.#differs(`${view.totalParticipants} take part in the ranking, not ${participants}`);
    }
  }

  async #compareTotal(client: ClickdayClient, taxCode: string, expected: Standing | undefined): Promise<void> {
    const reply = await client.read('total', { awardPeriodId: this.#options.awardPeriodId });
    this.#totalsCompared += 1;
    if (!reply.ok) return this.#differs(`no total for ${taxCode}: ${reply.code}`);
    const { rawCents, transactionNumber } = reply.view;
    const [count, cents] = [expected?.count ?? 0, expected?.rawCents ?? 0];
    if (rawCents !== cents) this.#differs(`${taxCode} has ${rawCents} cents of cashback, not ${cents}`);
    if (transactionNumber !== count) this.#differs(`${taxCode} has ${transactionNumber} payments, not ${count}`);
  }

  #differs(text: string): void {
    if (this.#differences.length < DIFFERENCES_MAX && !this.#differences.includes(text)) this.#differences.push(text);
  }

  async #forEachCitizen(
    taxCodes: readonly string[],
    ask: (client: ClickdayClient, taxCode: string) => Promise<void>,
  ): Promise<void> {
    const { url, WebSocket, tokenOf, onProgress } = this.#options;
    let next = 0;
    const worker = async () => {
      while (next < taxCodes.length) {
        const taxCode = taxCodes[next++]!;
        const client = await ClickdayClient.connect({ url, WebSocket, token: tokenOf(taxCode) });
        await ask(client, taxCode).finally(() => client.close());
        onProgress(next, taxCodes.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }
}

function nameOf({ kind, id }: { readonly kind: ChangeType | string; readonly id: string }): string {
  return `${kind} ${id}`;
}

function sortedText(answer: Answer): string {
  return JSON.stringify(Object.fromEntries(Object.entries(answer).sort(([one], [other]) => (one < other ? -1 : 1))));
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
