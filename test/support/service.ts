/** How the service does, where no test asks: nothing is kept, and no part is ever silent. */
import type { Engine, EngineStats } from '../../engine/index.ts';
import { type Aged, Service } from '../../server/service/index.ts';

export function testService(nowMs = () => performance.now()): Service {
  const log = { kept: { incidents: [], seenMs: null }, changed() {}, seen() {} };
  return new Service({ nowMs, log, parts: () => [] });
}

/** As they are now: they are waited for. */
export function freshStats(engine: Pick<Engine, 'stats'>): () => Promise<Aged<EngineStats>> {
  return async () => ({ value: await engine.stats(), ageMs: 0 });
}
