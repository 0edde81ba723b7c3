/** Wallets in Redis: `appendfsync always`, one script, and as many commands in a call of it as have come. */
import { Redis } from 'ioredis';
import { LIMITS } from '../../engine/index.ts';
import type { Backend } from './peer-engine.ts';
import { CHANGES_SCRIPT } from './redis-script.ts';
import { parseVerdict } from './verdict-text.ts';

/** What makes a reply of Redis a promise about the disk: it flushes its log once for all calls that it has read. */
export const DURABLE_SETTINGS = { appendonly: 'yes', appendfsync: 'always' } as const;
/** On their way at a time, so that Redis has work while the front reads answers; two, and eight, did less. */
const CALLS_AT_ONCE = 4;

export async function openRedisBackend(port: number): Promise<Backend> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, maxRetriesPerRequest: 0 });
  await redis.connect();
  const script = (await redis.script('LOAD', CHANGES_SCRIPT)) as string;
  return {
    laneCount: CALLS_AT_ONCE,
    batchCountMax: LIMITS.batchCountMax,
    newBatch: () => () => true,
    async apply(_lane, nowMs, batch) {
      const words: string[] = [`${nowMs}`];
      for (const { kind, citizen, commandKey, bodyHash, hpan, payload, channel } of batch) {
        words.push(kind, citizen, commandKey, bodyHash, hpan, payload, channel);
      }
      const replies = (await redis.evalsha(script, 0, ...words)) as readonly string[];
      return replies.map(parseVerdict);
    },
    async close() {
      await redis.quit();
    },
  };
}
