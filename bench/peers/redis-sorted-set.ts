/**
 * A sorted set of Redis, what a ranking at scale is usually made of; asked in two ways: a pipeline of single commands,
 * and Lua that loops inside the server over a whole batch, where neither network nor client have a part in it.
 *
 * A score is a double, so 53 bits: the number of payments and, inverted, the milliseconds of the last one within the
 * semester. The rest of the order (terms, tax code) does not fit and is lost: whoever ties is ordered by key. Members
 * are the 16 bytes of the citizen, not their text, since that is smaller.
 */
import { Redis } from 'ioredis';
import type { Participant } from '../../engine/ranking/ranking.ts';
import { SEMESTER_START_MS } from '../participants.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import type { Subject } from './subject.ts';

const KEY = 'ranking';
/** A power of two over the milliseconds of a semester and of the moves after it; leaves 19 bits for the payments. */
const LAST_PAYMENT_RANGE = 2 ** 34;
/** Commands in a pipeline, citizens in a call of Lua. More are no faster. */
const PIECE = 1_000;
const LUA_READ = `
  local ranks = {}
  for index, member in ipairs(ARGV) do ranks[index] = redis.call('ZREVRANK', KEYS[1], member) end
  return ranks`;
const LUA_MOVE = `
  for index = 1, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[index], ARGV[index + 1]) end`;

export class RedisSortedSet {
  readonly #server: RedisServer;
  readonly #client: Redis;

  /** Null where Redis is not installed. */
  static async start(): Promise<RedisSortedSet | null> {
    const server = await startRedis();
    return server === null ? null : new RedisSortedSet(server);
  }

  private constructor(server: RedisServer) {
    this.#server = server;
    this.#client = new Redis({ host: '127.0.0.1', port: server.port });
  }

  /** @returns bytes that each participant takes */
  async load(participants: Iterable<Participant>): Promise<number> {
    const before = await this.#usedBytes();
    let piece: Participant[] = [];
    let added: Promise<unknown> = Promise.resolve();
    for (const participant of participants) {
      piece.push(participant);
      if (piece.length < PIECE) continue;
      await added; // One piece is being added while the next is made.
      added = this.#add(piece);
      piece = [];
    }
    await added;
    if (piece.length > 0) await this.#add(piece);
    return ((await this.#usedBytes()) - before) / (await this.#client.zcard(KEY));
  }

  readonly pipelined: Subject = {
    readAll: async (participants) => {
      const replies = await this.#inPieces(participants, (piece) => {
        const pipeline = this.#client.pipeline();
        for (const participant of piece) pipeline.zrevrank(KEY, memberOf(participant));
        return outcomes(pipeline.exec());
      });
      return replies.map(rankOfIndex);
    },
    moveAll: async (_, after) => {
      await this.#inPieces(after, (piece) => {
        const pipeline = this.#client.pipeline();
        for (const participant of piece) pipeline.zadd(KEY, scoreOf(participant), memberOf(participant));
        return outcomes(pipeline.exec());
      });
    },
  };

  readonly inLua: Subject = {
    readAll: async (participants) => {
      const replies = await this.#inPieces(
        participants,
        (piece) => this.#client.eval(LUA_READ, 1, KEY, ...piece.map(memberOf)) as Promise<unknown[]>,
      );
      return replies.map(rankOfIndex);
    },
    moveAll: async (_, after) => {
      await this.#inPieces(after, async (piece) => {
        await this.#client.eval(LUA_MOVE, 1, KEY, ...piece.flatMap(scoreAndMember));
        return [];
      });
    },
  };

  async stop(): Promise<void> {
    this.#client.disconnect();
    await this.#server.stop();
  }

  /** All pieces are sent before the first is answered, so that Redis never waits. */
  async #inPieces(
    participants: readonly Participant[],
    send: (piece: readonly Participant[]) => Promise<unknown[]>,
  ): Promise<unknown[]> {
    const replies: Promise<unknown[]>[] = [];
    for (let from = 0; from < participants.length; from += PIECE) {
      replies.push(send(participants.slice(from, from + PIECE)));
    }
    return (await Promise.all(replies)).flat();
  }

  async #add(participants: readonly Participant[]): Promise<void> {
    await this.#client.zadd(KEY, ...participants.flatMap(scoreAndMember));
  }

  async #usedBytes(): Promise<number> {
    const info = await this.#client.info('memory');
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  }
}

function scoreOf({ standing }: Participant): number {
  return standing.count * LAST_PAYMENT_RANGE + (LAST_PAYMENT_RANGE - 1 - (standing.lastTrxMs - SEMESTER_START_MS));
}

function memberOf({ citizen }: Participant): Buffer {
  return Buffer.from(citizen, 'hex');
}

function scoreAndMember(participant: Participant): (number | Buffer)[] {
  return [scoreOf(participant), memberOf(participant)];
}

function rankOfIndex(index: unknown): number {
  if (typeof index !== 'number') throw new Error(`Redis knows no rank but ${String(index)}`);
  return index + 1;
}

async function outcomes(executed: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  return ((await executed) ?? []).map(([error, outcome]) => {
    if (error !== null) throw error;
    return outcome;
  });
}
