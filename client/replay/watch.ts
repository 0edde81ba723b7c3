/** A few citizens who keep the page open: their ranks arrive as live pushes. */
import type { RankingView } from '../../engine/contract.ts';
import type { TopicPush } from '../../server/wire/index.ts';
import { ClickdayClient, type SocketConstructor } from '../sdk/index.ts';
import type { Citizen } from './population.ts';
import type { WatchedCitizen } from './view.ts';

export interface WatchOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  readonly awardPeriodId: number;
}

interface Watched {
  readonly name: string;
  readonly client: ClickdayClient;
  rank: number;
  rankBefore: number;
  payments: number;
  cashbackCents: number;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #watched: Watched[] = [];
  participants = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async open(citizens: readonly Citizen[], tokens: ReadonlyMap<string, string>): Promise<void> {
    const { url, WebSocket } = this.#options;
    for (const { taxCode, name, surname } of citizens) {
      const client = await ClickdayClient.connect({ url, WebSocket, token: tokens.get(taxCode)! });
      const watched: Watched = {
        name: `${name} ${surname}`,
        client,
        rank: 0,
        rankBefore: 0,
        payments: 0,
        cashbackCents: 0,
      };
      this.#watched.push(watched);
      await client.subscribe(['wallet', 'rank'], (push) => this.#receive(watched, push));
    }
  }

  /** In the order of their ranks. */
  get citizens(): readonly WatchedCitizen[] {
    return [...this.#watched].sort((one, other) => (one.rank || Number.MAX_VALUE) - (other.rank || Number.MAX_VALUE));
  }

  /** A new day: places won and lost are counted from here. */
  beginDay(): void {
    for (const watched of this.#watched) watched.rankBefore = watched.rank;
  }

  /** Reads, so that the last picture of a day does not depend on a push. */
  async refresh(): Promise<void> {
    for (const watched of this.#watched) {
      const reply = await watched.client.read('ranking', { awardPeriodId: this.#options.awardPeriodId });
      if (reply.ok) this.#take(watched, reply.view);
    }
  }

  close(): void {
    for (const { client } of this.#watched) client.close();
  }

  #receive(watched: Watched, push: TopicPush): void {
    if (push.push === 'rank') {
      this.#take(watched, push.view);
      return;
    }
    if (push.push !== 'wallet') return;
    const total = push.view.totals.find(({ awardPeriodId }) => awardPeriodId === this.#options.awardPeriodId);
    if (total !== undefined) watched.cashbackCents = total.rawCents;
  }

  #take(watched: Watched, rankings: readonly RankingView[]): void {
    const ranking = rankings.find(({ awardPeriodId }) => awardPeriodId === this.#options.awardPeriodId);
    if (ranking === undefined || !ranking.takesPart) return;
    watched.rank = ranking.ranking;
    watched.payments = ranking.transactionNumber;
    this.participants = Math.max(this.participants, ranking.totalParticipants);
  }
}
