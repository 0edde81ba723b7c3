/**
 * A network that cannot be relied upon, between a client and a real server: every connection through it is cut, or goes
 * silent, after so many bytes in one direction, wherever in a frame or in the handshake that is. What passes comes in
 * pieces, each in a turn of the event loop of its own; its order is kept, as TCP keeps it.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import type { Random } from './random.ts';

export interface ChaosOptions {
  /** Of the server. */
  readonly port: number;
  readonly random: Random;
  /** After how many bytes a connection is lost, at most: up from the client, down to it. */
  readonly upBytesMax: number;
  readonly downBytesMax: number;
  /** One connection in so many is not cut but goes silent: nothing passes any more, and nobody is told. 0: none. */
  readonly silentOneIn: number;
}

interface Fate {
  readonly direction: 'up' | 'down';
  bytesLeft: number;
  readonly isSilent: boolean;
}

export class ChaosProxy {
  readonly url: string;
  /** Connections lost so far. */
  readonly lost = { up: 0, down: 0, silent: 0 };
  readonly #options: ChaosOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCalm = false;

  static async start(options: ChaosOptions): Promise<ChaosProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ChaosProxy(options, server);
  }

  private constructor(options: ChaosOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.#accept(client));
  }

  get lostCount(): number {
    return this.lost.up + this.lost.down + this.lost.silent;
  }

  /** From now on connections hold, also those that there are. */
  calm(): void {
    this.#isCalm = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = tcpConnect(this.#options.port, '127.0.0.1');
    const fate = this.#draw();
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {}); // Whoever is cut hears of it by 'close'.
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    void this.#pump('up', client, server, fate);
    void this.#pump('down', server, client, fate);
  }

  #draw(): Fate {
    const { random, upBytesMax, downBytesMax, silentOneIn } = this.#options;
    const direction = random.below(2) === 0 ? 'up' : 'down';
    const bytesLeft = random.below(direction === 'up' ? upBytesMax : downBytesMax);
    return { direction, bytesLeft, isSilent: silentOneIn > 0 && random.below(silentOneIn) === 0 };
  }

  async #pump(direction: 'up' | 'down', from: Socket, to: Socket, fate: Fate): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (const piece of this.#pieces(chunk)) {
          await new Promise((resolve) => setImmediate(resolve));
          if (!this.#passes(direction, piece, to, fate)) break;
        }
      }
    } catch {
      // Cut while it was read.
    }
  }

  #pieces(chunk: Buffer): readonly Buffer[] {
    const at = this.#options.random.below(chunk.length);
    return at === 0 ? [chunk] : [chunk.subarray(0, at), chunk.subarray(at)];
  }

  /** @returns false: the line is lost */
  #passes(direction: 'up' | 'down', piece: Buffer, to: Socket, fate: Fate): boolean {
    if (fate.bytesLeft < 0) return false;
    if (!this.#isCalm && direction === fate.direction) {
      const passing = piece.subarray(0, fate.bytesLeft);
      fate.bytesLeft -= piece.length;
      if (fate.bytesLeft < 0) {
        this.#lose(fate, to, passing);
        return false;
      }
    }
    to.write(piece);
    return true;
  }

  #lose({ direction, isSilent }: Fate, to: Socket, passing: Buffer): void {
    this.lost[isSilent ? 'silent' : direction] += 1;
    if (isSilent) to.write(passing);
    else to.end(passing, () => to.destroy());
  }
}
