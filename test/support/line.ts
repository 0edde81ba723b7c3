/** One WebSocket in plain words, for whoever must know of each request whether it was answered. */
import WebSocket from 'ws';

export type Reply = Record<string, unknown> & { readonly ref: number; readonly ok: boolean };

/** One socket; a reply that never comes is undefined. */
export class Line {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply | undefined) => void>();
  /** Of all lines: no two requests have the same. */
  static #ref = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const reply = JSON.parse(String(data)) as Reply;
      this.#waiting.get(reply.ref)?.(reply);
      this.#waiting.delete(reply.ref);
    });
    socket.on('close', () => this.#giveUp());
    socket.on('error', () => this.#giveUp());
  }

  /** Undefined: nobody there. */
  static open(url: string, token: string): Promise<Line | undefined> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, 'clickday.v1.json', {
      headers: { authorization: `Bearer ${token}` },
    });
    return new Promise((resolve) => {
      socket.once('open', () => resolve(new Line(socket)));
      socket.once('error', () => resolve(undefined));
    });
  }

  ask(request: Record<string, unknown>): Promise<Reply | undefined> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.resolve(undefined);
    Line.#ref += 1;
    const ref = Line.#ref;
    return new Promise((resolve) => {
      this.#waiting.set(ref, resolve);
      this.#socket.send(JSON.stringify({ ref, ...request }));
    });
  }

  /** "Come back later" is no answer: where the machine is crowded, whoever asks what was promised comes back. */
  async askPatiently(request: Record<string, unknown>): Promise<Reply | undefined> {
    for (;;) {
      const reply = await this.ask(request);
      if (reply?.code !== 'OVERLOADED') return reply;
      await laterOn();
    }
  }

  close(): void {
    this.#socket.terminate();
  }

  #giveUp(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}

const LATER_MS = 200;
export const laterOn = () => new Promise<void>((resolve) => setTimeout(resolve, LATER_MS));
