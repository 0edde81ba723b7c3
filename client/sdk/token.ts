/** The token of one person: asked for at each connection, and renewed in band before it expires (fault 53). */
import { ClientFault } from './fault.ts';
import type { Timing } from './timing.ts';

/** What a client can read in its own token, which only the server can verify. */
export interface TokenClaims {
  /** Here and below, absent: it does not say, or is no JSON Web Token. */
  readonly subject?: string;
  readonly expiresAtMs?: number;
}

export interface TokenPorts {
  readonly token: string | (() => string | Promise<string>);
  readonly timing: Timing;
  /** @returns until when the server takes it; null: it does not */
  authenticate(token: string): Promise<number | null>;
  renewed(): void;
  /** Commands of one person are never sent as another. */
  ended(fault: ClientFault): void;
}

/** Share of its remaining life after which it is renewed: drawn, so that who came together does not ask together. */
const RENEW_AFTER = { from: 0.7, spread: 0.2 } as const;
/** Whatever clocks and answers say; whoever makes the tokens may be down. */
const RENEW_MS_MIN = 1_000;
const RENEW_MS_MAX = 86_400_000;

export class Token {
  readonly #ports: TokenPorts;
  #person: string | undefined;
  #expiresAtMs: number | undefined;
  #isOpen = false;
  #isRenewing = false;
  #cancel: () => void = () => {};

  constructor(ports: TokenPorts) {
    this.#ports = ports;
  }

  /** Rejects with ClientFault UNAUTHENTICATED for another person's, or with what the app's function threw. */
  async next(): Promise<string> {
    const { token } = this.#ports;
    const text = typeof token === 'string' ? token : await token();
    const { subject, expiresAtMs } = readClaims(text);
    this.#person ??= subject;
    if (subject !== undefined && subject !== this.#person)
      throw new ClientFault('UNAUTHENTICATED', 'the token is of another person than before: open another client');
    this.#expiresAtMs = expiresAtMs;
    return text;
  }

  /** Connected with the last one. */
  opened(): void {
    this.#isOpen = true;
    this.#schedule();
  }

  lost(): void {
    this.#isOpen = false;
    this.#cancel();
  }

  /** The server says that it has expired. @returns false: there is no other */
  renewNow(): boolean {
    if (typeof this.#ports.token === 'string') return false;
    void this.#renew();
    return true;
  }

  #schedule(): void {
    const { token, timing } = this.#ports;
    if (typeof token === 'string' || this.#expiresAtMs === undefined) return;
    const leftMs = this.#expiresAtMs - timing.realMs();
    this.#renewAfter(leftMs * (RENEW_AFTER.from + RENEW_AFTER.spread * timing.random()));
  }

  #renewAfter(pauseMs: number): void {
    this.#cancel();
    this.#cancel = this.#ports.timing.after(
      Math.min(RENEW_MS_MAX, Math.max(RENEW_MS_MIN, pauseMs)),
      () => void this.#renew(),
    );
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const expiresAtMs = await this.#authenticate();
    this.#isRenewing = false;
    if (!this.#isOpen) return; // The next connection has one of its own.
    if (expiresAtMs === null) return this.#renewAfter(0);
    this.#expiresAtMs = expiresAtMs;
    this.#schedule();
    this.#ports.renewed();
  }

  async #authenticate(): Promise<number | null> {
    try {
      return await this.#ports.authenticate(await this.next());
    } catch (fault) {
      if (fault instanceof ClientFault && fault.code === 'UNAUTHENTICATED') this.#ports.ended(fault);
      return null;
    }
  }
}

export function readClaims(token: string): TokenClaims {
  try {
    const body = token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/');
    const { sub, exp } = JSON.parse(atob(body)) as { readonly sub?: unknown; readonly exp?: unknown };
    return {
      ...(typeof sub === 'string' ? { subject: sub } : {}),
      ...(typeof exp === 'number' ? { expiresAtMs: exp * 1_000 } : {}),
    };
  } catch {
    return {};
  }
}
