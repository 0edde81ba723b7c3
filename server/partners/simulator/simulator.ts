/**
 * The third parties of the programme as one process for development and tests: each answers by the protocol of the real
 * one, and is slow, silent or down by command.
 *
 *   PUT /control/<partner>   how it behaves from now on (`Conduct`, and what the partner itself understands)
 *   anything else            a call to the partner whose path it is
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as v from 'valibot';
import { BANKS, simulatedBanks } from './banks.ts';
import { CARD_CHARGES, simulateCardCharges } from './card-charges.ts';
import { CARD_VAULT, simulatedCardVault } from './card-vault.ts';
import { IBAN_CHECKER, simulatedIbanChecker } from './iban-checker.ts';
import type { SimulatedAnswer, SimulatedPartner } from './simulated-partner.ts';

/** `down`: connections are cut; `unavailable`: 503; `silent`: never answers; `up`: after `delayMs`. */
const CONDUCT = {
  mode: v.optional(v.picklist(['up', 'down', 'unavailable', 'silent']), 'up'),
  delayMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(600_000)), 0),
};

interface Conduct {
  readonly mode: 'up' | 'down' | 'unavailable' | 'silent';
  readonly delayMs: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

const BODY_BYTES_MAX = 1_048_576;
const UP: Conduct = { mode: 'up', delayMs: 0, settings: {} };

export class PartnerSimulator {
  readonly #partners: ReadonlyMap<string, SimulatedPartner> = new Map([
    [IBAN_CHECKER, simulatedIbanChecker],
    [CARD_VAULT, simulatedCardVault],
    [BANKS, simulatedBanks],
    [CARD_CHARGES, simulateCardCharges()],
  ]);
  readonly #conducts = new Map<string, Conduct>();
  readonly #calls = new Map<string, number>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** @param port 0 = any. @returns the address */
  async listen(port: number, host = '127.0.0.1'): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** How often a partner was called. */
  callCount(partner: string): number {
    return this.#calls.get(partner) ?? 0;
  }

  /** @throws Error with the reason where a partner or a setting is unknown */
  control(name: string, conduct: unknown): void {
    const partner = this.#partners.get(name);
    if (partner === undefined) throw new Error(`there is no partner ${name}: ${[...this.#partners.keys()].join(', ')}`);
    const checked = v.safeParse(v.strictObject({ ...CONDUCT, ...partner.settings }), conduct);
    if (!checked.success) throw new Error(v.summarize(checked.issues));
    const { mode, delayMs, ...settings } = checked.output;
    this.#conducts.set(name, { mode, delayMs, settings });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const { pathname } = new URL(url, 'http://partner');
    const body = await jsonOf(request);
    const controlled = method === 'PUT' ? /^\/control\/([\w-]+)$/.exec(pathname)?.[1] : undefined;
    if (controlled !== undefined) return send(response, this.#controlled(controlled, body));
    for (const [name, partner] of this.#partners) {
      if (partner.takes(method, pathname)) return this.#perform({ name, partner, path: pathname, body, response });
    }
    send(response, { status: 404 });
  }

  #controlled(name: string, conduct: unknown): SimulatedAnswer {
    try {
      this.control(name, conduct ?? {});
      return { status: 204 };
    } catch (error) {
      return { status: 400, body: { error: (error as Error).message } };
    }
  }

  #perform({ name, partner, path, body, response }: Performance): void {
    this.#calls.set(name, this.callCount(name) + 1);
    const { mode, delayMs, settings } = this.#conducts.get(name) ?? UP;
    if (mode === 'down') response.destroy();
    else if (mode === 'unavailable') send(response, { status: 503 });
    else if (mode === 'up') {
      // Done at once, however late it is told.
      const answer = partner.answer(body, settings, path);
      setTimeout(() => send(response, answer), delayMs);
    }
  }
}

interface Performance {
  readonly name: string;
  readonly partner: SimulatedPartner;
  readonly path: string;
  readonly body: unknown;
  readonly response: ServerResponse;
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) throw new Error('too large');
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body }: SimulatedAnswer): void {
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}
