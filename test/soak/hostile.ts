/** Connections of people who mean harm: some send garbage and come back when they are thrown out, others never read. */
import WebSocket from 'ws';
import type { SeededRandom } from '../../client/replay/random.ts';

const PROTOCOL = 'clickday.v1.msgpack';
const GARBAGE_BYTES = 200;
const SEND_MS = 25;
/** No person is back so soon. */
const BACK_MS = 50;
/** The longest answer that anybody may ask for, again and again. */
const LONG_READ = JSON.stringify({ ref: 1, type: 'rankingPage', awardPeriodId: 1, firstRank: 1, count: 1_000 });

export class Hostile {
  readonly #url: string;
  readonly #random: SeededRandom;
  readonly #sockets = new Set<WebSocket>();
  #isOver = false;
  /** How often one was thrown out. */
  cuts = 0;

  constructor(url: string, tokens: readonly string[], random: SeededRandom) {
    this.#url = url;
    this.#random = random;
    for (const [at, token] of tokens.entries()) this.#connect(token, at % 2 === 0);
  }

  stop(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.terminate();
  }

  #connect(token: string, isDeaf: boolean): void {
    if (this.#isOver) return;
    const headers = { authorization: `Bearer ${token}` };
    const protocol = isDeaf ? 'clickday.v1.json' : PROTOCOL;
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/ws`, protocol, { headers });
    this.#sockets.add(socket);
    let sending: NodeJS.Timeout | undefined;
    socket.on('open', () => {
      if (isDeaf) socket.pause();
      sending = setInterval(() => socket.send(isDeaf ? LONG_READ : this.#garbage()), SEND_MS);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(sending);
      this.#sockets.delete(socket);
      this.cuts += 1;
      setTimeout(() => this.#connect(token, isDeaf), BACK_MS);
    });
  }

  #garbage(): Buffer {
    return Buffer.from(Array.from({ length: GARBAGE_BYTES }, () => this.#random.below(256)));
  }
}
