/** A message service on a real port that answers as it is told, call by call. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A status, with headers; `silent`: never; `down`: the connection is cut. */
export type Answer = number | { readonly status: number; readonly retryAfter: string } | 'silent' | 'down';

export interface Received {
  readonly key: string | undefined;
  readonly subscription: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

export class Webhook {
  readonly received: Received[] = [];
  /** The next ones; whoever comes after them is answered 201. */
  readonly answers: Answer[] = [];
  readonly #server: Server;
  readonly #heard: ((received: Received) => void)[] = [];

  constructor() {
    this.#server = createServer(async (request, response) => {
      const text = await textOf(request);
      const [key, subscription] = ['idempotency-key', 'ocp-apim-subscription-key'].map((name) => request.headers[name]);
      const body = JSON.parse(text) as Received['body'];
      this.received.push({ key: key as string | undefined, subscription: subscription as string | undefined, body });
      for (const hear of this.#heard.splice(0)) hear(this.received.at(-1)!);
      const answer = this.answers.shift() ?? 201;
      if (answer === 'silent') return;
      if (answer === 'down') {
        request.socket.destroy();
        return;
      }
      if (typeof answer === 'number') response.writeHead(answer);
      else response.writeHead(answer.status, { 'retry-after': answer.retryAfter });
      response.end();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/messages`;
  }

  /** The next letter that comes. */
  next(): Promise<Received> {
    return new Promise((resolve) => this.#heard.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
