/**
 * The engine on threads of its own, as the server starts them, on a folder of its own: the compiled program, since a
 * thread reads no TypeScript.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StartedEngine, startEngineThreads } from '../../server/shards/index.ts';
import { EVERYTHING } from '../../server/versions/index.ts';
import { instant, World } from './world.ts';

const { startEngineThreads: start } = (await import(
  new URL('../../dist/server/shards/index.js', import.meta.url).pathname
)) as { startEngineThreads: typeof startEngineThreads };

/** One engine after another in one folder. */
export class Threads {
  readonly folder = mkdtempSync(join(tmpdir(), 'clickday-threads-'));
  readonly faults: unknown[] = [];
  #started: StartedEngine | null = null;

  /** @param shardCount of a new folder */
  async open(shardCount?: number, now = '2020-12-07T10:00:00+01:00'): Promise<World> {
    const nowMs = instant(now);
    const started = await start({
      folder: this.folder,
      configuration: {
        folder: this.folder,
        port: 0,
        host: '127.0.0.1',
        transport: 'auto',
        shardCount,
        startMs: nowMs,
        speed: 0,
        clock: undefined,
        programme: undefined,
        isDemonstration: false,
        shipping: null,
        payoutFolder: null,
        notices: null,
        keepsFormat: false,
        versions: { file: null, policy: EVERYTHING },
        handshakesPerSecond: undefined,
        requestsPerSecond: undefined,
        allowedOrigins: undefined,
        proxies: [],
        issuer: null,
        ibanChecker: null,
        cardVault: null,
        banks: null,
        cardCharges: null,
        pgp: null,
        ...{ citizenPerSecond: undefined, hasAdmission: true, slowdownUs: 0 },
        checkpointRowCount: 200,
        killAt: null,
        quotaBytes: undefined,
      },
      clock: standingAt(nowMs),
      failed: (error) => this.faults.push(error),
      refusal: () => null,
    });
    this.#started = started;
    return World.over(started.engine, nowMs, (movedMs) => started.setClock(standingAt(movedMs)), this.faults);
  }

  /** See StartedEngine. */
  exchange(): void {
    this.#started?.exchange();
  }

  /** In order, as when the server stops. */
  async close(): Promise<void> {
    await this.#started?.engine.close();
    await this.#started?.end();
    this.#started = null;
  }

  /** They are dead already. */
  abandon(): void {
    this.#started = null;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function standingAt(originMs: number) {
  return { originMs, originMonotonicMs: 0, speed: 0 };
}
