/** Peers in as many processes as their files allow, seen from outside. */
import { type ChildProcess, fork } from 'node:child_process';
import { descriptorLimit } from '../../server/descriptors.ts';
import type { PeersCount, PeersPlan } from './plan.ts';

/** What Node itself has open, and what is closing. */
const OWN_DESCRIPTORS = 200;
/** An address has some 28,000 ports to call from; each socket may leave one behind for a minute. */
const LOCAL_ADDRESSES = Array.from({ length: 16 }, (_, index) => `127.0.0.${index + 2}`);

interface Part {
  readonly child: ChildProcess;
  count: PeersCount;
}

export class IdleCrowd {
  readonly #parts: readonly Part[];
  #tell: () => void = () => {};

  constructor(plan: Omit<PeersPlan, 'localAddresses'>) {
    const size = descriptorLimit() - OWN_DESCRIPTORS;
    const parts: Part[] = [];
    for (let first = 0; first < plan.tokens.length; first += size) {
      const child = fork(new URL('./peers-process.js', import.meta.url), { stdio: ['ignore', 2, 2, 'ipc'] });
      const part: Part = { child, count: { open: 0, cuts: {}, sentAway: 0 } };
      child.on('message', (count: PeersCount) => {
        part.count = count;
        this.#tell();
      });
      const tokens = plan.tokens.slice(first, first + size);
      const whole: PeersPlan = { ...plan, tokens, localAddresses: LOCAL_ADDRESSES };
      child.send({ plan: whole });
      parts.push(part);
    }
    this.#parts = parts;
  }

  get open(): number {
    return this.#parts.reduce((sum, { count }) => sum + count.open, 0);
  }

  get sentAway(): number {
    return this.#parts.reduce((sum, { count }) => sum + count.sentAway, 0);
  }

  /** By reason. */
  get cuts(): ReadonlyMap<string, number> {
    const all = new Map<string, number>();
    for (const { count } of this.#parts) {
      for (const [reason, cuts] of Object.entries(count.cuts)) all.set(reason, (all.get(reason) ?? 0) + cuts);
    }
    return all;
  }

  /** Resolves when it is so; asked whenever they said something. Rejects after so long. */
  until(isSo: () => boolean, msMax: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`of the sockets ${this.open} are open, and not what was waited for within ${msMax} ms`));
      }, msMax);
      this.#tell = () => {
        if (!isSo()) return;
        clearTimeout(late);
        this.#tell = () => {};
        resolve();
      };
    });
  }

  resume(): void {
    for (const { child } of this.#parts) child.send('resume');
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#parts.map(({ child }) => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.disconnect();
        return ended;
      }),
    );
  }
}
