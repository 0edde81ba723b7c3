// Method: a checkpointer before a store that notes what is asked of it, and a shard that stands where the test says.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import type { CheckpointMark, Rest, Store } from '../../engine/ports.ts';
import type { Actors } from '../../engine/shard/actors.ts';
import { Checkpointer } from '../../engine/shard/checkpoint.ts';
import type { Shard } from '../../engine/shard/shard.ts';
import { turnsTaken } from '../support/shards.ts';

interface Stage {
  readonly dirtyCount?: number;
  readonly rowCount?: number;
  /** Rows that each checkpoint writes. */
  readonly frozenCount?: number;
}

function open({ dirtyCount = 0, rowCount, frozenCount = 0 }: Stage = {}) {
  const log: string[] = [];
  const state = { dirtyCount, frozenCount, sequence: 0, rankedSequence: 0, isHeld: false };
  const held: (() => void)[] = [];
  const batchRows: number[] = [];
  const archived: string[] = [];
  const failures: unknown[] = [];
  const mark: CheckpointMark = { sequence: 0, partitions: [], ranked: { sequence: 0, copies: [] } };
  const store = {
    rows: {
      checkpoint: () => mark,
      write: async (batch: readonly unknown[]) => {
        log.push(`write ${batch.length}`);
        if (state.isHeld) await new Promise<void>((resolve) => held.push(resolve));
      },
      setCheckpoint: async ({ sequence, ranked }: CheckpointMark) => {
        log.push(`mark ${sequence} ${ranked.sequence}`);
      },
      rewriteOlder: async (count: number) => {
        log.push(`rewrite ${count}`);
        return true;
      },
    },
    journal: {
      trim: async (sequence: number, rest: Rest) => {
        log.push(`trim ${sequence}`);
        if (sequence === 98) throw new Error('the archive broke');
        for (const doneShare of [0.25, 0.5, 0.75, 1]) {
          await rest(doneShare);
          archived.push(`${doneShare} of ${sequence}`);
        }
      },
    },
  } as unknown as Store;
  const actors = {
    get dirtyCount() {
      return state.dirtyCount;
    },
    get unwrittenCount() {
      return state.dirtyCount + state.frozenCount;
    },
    freeze: () => ({
      rowCount: frozenCount,
      *batches(count: number) {
        batchRows.push(count);
        for (let at = 0; at < frozenCount; at += count) yield new Array(Math.min(count, frozenCount - at)).fill(null);
      },
    }),
    release: () => log.push('release'),
  } as unknown as Actors;
  const shard = {
    get flushedSequence() {
      return state.sequence;
    },
    flushedSequences: [],
  } as unknown as Shard;
  const checkpointer = new Checkpointer({
    ...{ store, actors, shard, rowCount },
    onPoint: (name) => log.push(name),
    ranked: async () => ({ sequence: state.rankedSequence, copies: [] }),
    schedule: (run) => void setImmediate(run),
    written: () => log.push('written'),
    failed: (error) => failures.push(error),
  });
  return { checkpointer, state, log, batchRows, archived, held, failures };
}

test('rows are written, then the mark, then memory is released and the journal cut up to the last record', async () => {
  const { checkpointer, state, log } = open({ frozenCount: 1 });
  Object.assign(state, { sequence: 7, rankedSequence: 5 });
  await checkpointer.finish();
  expect(log).toEqual([
    ...['checkpoint-start', 'write 1', 'checkpoint-batch', 'mark 7 5'],
    ...['checkpoint-marked', 'release', 'trim 6', 'written'],
  ]);
  expect(checkpointer.sequence).toBe(7);
});

test('where nothing has moved nothing is written, and nobody is told; where only copies have, the mark is', async () => {
  const { checkpointer, state, log } = open();
  await checkpointer.run();
  expect(log).toEqual([]);
  state.rankedSequence = 3;
  await checkpointer.run();
  expect(log).toEqual(['checkpoint-start', 'mark 0 3', 'checkpoint-marked', 'release', 'trim -1']);
  await checkpointer.run();
  expect(log).toHaveLength(5);
});

test('one is due when so many rows have changed, or so many records have come, and while none is under way', async () => {
  const isDue = (stage: Stage, sequence = 1) => {
    const { checkpointer, state } = open(stage);
    state.sequence = sequence;
    return checkpointer.runIfDue() !== null;
  };
  expect([9, 10].map((dirtyCount) => isDue({ dirtyCount, rowCount: 10 }))).toEqual([false, true]);
  const usual = LIMITS.checkpointRowCount;
  expect([usual - 1, usual].map((dirtyCount) => isDue({ dirtyCount }))).toEqual([false, true]);
  const tail = LIMITS.journalTailRecordsMax;
  expect([tail - 1, tail].map((sequence) => isDue({}, sequence))).toEqual([false, true]);

  const { checkpointer, state } = open({ dirtyCount: 10, rowCount: 10 });
  state.sequence = tail;
  await checkpointer.runIfDue();
  Object.assign(state, { dirtyCount: 0, sequence: 2 * tail - 1 });
  expect(checkpointer.runIfDue(), 'so many since the last one').toBeNull();
  state.sequence = 2 * tail;
  const running = checkpointer.runIfDue();
  expect(running).not.toBeNull();
  expect(checkpointer.runIfDue()).toBeNull();
  await running;
});

test('whoever asks during one gets another one, after it; rows of an older format are never rewritten beside one', async () => {
  const { checkpointer, state, log, held } = open({ frozenCount: 1 });
  Object.assign(state, { sequence: 1, isHeld: true });
  const first = checkpointer.run();
  await turnsTaken();
  const second = checkpointer.run();
  const rewritten = checkpointer.rewriteSome();
  await turnsTaken();
  expect(log).toEqual(['checkpoint-start', 'write 1']);
  Object.assign(state, { sequence: 2, isHeld: false });
  held.shift()!();
  await first;
  expect(await rewritten).toBe(true);
  await second;
  const steps = log.filter((line) => /^(mark|rewrite|checkpoint-start)/.test(line));
  expect(steps.slice(0, 2)).toEqual(['checkpoint-start', 'mark 1 0']);
  expect(steps.slice(2).join(', ')).toMatch(
    /^(checkpoint-start, mark 2 0, rewrite \d+|rewrite \d+, checkpoint-start, mark 2 0)$/,
  );
});

test('rewriting takes so many rows at once, and fewer where checkpoints are of fewer', async () => {
  for (const [rowCount, count] of [
    [undefined, LIMITS.rewriteRowCount],
    [3, 3],
    [10 * LIMITS.rewriteRowCount, LIMITS.rewriteRowCount],
  ] as const) {
    const { checkpointer, log } = open(rowCount === undefined ? {} : { rowCount });
    expect(await checkpointer.rewriteSome()).toBe(true);
    expect(log).toEqual([`rewrite ${count}`]);
    await checkpointer.rewriteSome();
    expect(log, 'it is over').toHaveLength(2);
  }
});

test('the more rows there are, the larger are the batches', async () => {
  const { checkpointBatchRows, checkpointBatchesUsual } = LIMITS;
  const few = checkpointBatchRows * checkpointBatchesUsual;
  for (const [frozenCount, rows] of [
    [1, checkpointBatchRows],
    [few, checkpointBatchRows],
    [few + 1, checkpointBatchRows + 1],
    [3 * few, 3 * checkpointBatchRows],
  ] as const) {
    const { checkpointer, state, batchRows } = open({ frozenCount });
    state.sequence = 1;
    await checkpointer.run();
    expect(batchRows).toEqual([rows]);
  }
});

/** A checkpoint of four batches that has begun by itself, and the next is not due at all. */
async function paced() {
  const { checkpointRowCount, checkpointBatchRows } = LIMITS;
  const held = open({ dirtyCount: checkpointRowCount, frozenCount: 4 * checkpointBatchRows });
  held.state.sequence = 1;
  const running = held.checkpointer.runIfDue();
  held.state.dirtyCount = 0;
  await turnsTaken();
  const batchCount = () => held.log.filter((line) => line === 'checkpoint-batch').length;
  return { ...held, running, batchCount };
}

test('one that nobody waits for is spread over half the time until the next is due, by its rows or its records', async () => {
  for (const [name, from, all] of [
    ['dirtyCount', 0, LIMITS.checkpointRowCount],
    ['sequence', 1, LIMITS.journalTailRecordsMax],
  ] as const) {
    const { checkpointer, state, log, running, batchCount } = await paced();
    const after = async (share: number) => {
      Object.assign(state, { sequence: 2, [name]: from + Math.ceil(share * all) });
      expect(checkpointer.runIfDue()).toBeNull();
      await turnsTaken();
      return batchCount();
    };
    expect(batchCount()).toBe(1);
    expect([await after(0.12), await after(0.125), await after(0.2), await after(0.3)]).toEqual([1, 2, 2, 3]);
    expect(log.filter((line) => line.startsWith('mark'))).toEqual([]);
    expect(await after(0.375)).toBe(4);
    await running;
    expect(log).toContain('mark 1 0');
  }
});

test('it is not where somebody waits, or too much is unwritten', async () => {
  for (const asks of ['run', 'rewriteSome', 'finish'] as const) {
    const { checkpointer, log, running, batchCount } = await paced();
    expect(batchCount()).toBe(1);
    const asked = checkpointer[asks]();
    await running;
    expect(log).toContain('mark 1 0');
    await asked;
  }
  const { checkpointer, state, batchCount } = await paced();
  state.frozenCount = 2 * LIMITS.checkpointRowCount;
  checkpointer.runIfDue();
  await turnsTaken();
  expect(batchCount()).toBe(4);
});

/** One that is written, behind which the archive has not begun to go on. */
async function archiving() {
  const held = open({ dirtyCount: LIMITS.checkpointRowCount, frozenCount: 1 });
  held.state.sequence = 1;
  await held.checkpointer.runIfDue();
  held.state.dirtyCount = 0;
  await turnsTaken();
  expect(held.archived).toEqual([]);
  return held;
}

test('the archive behind it takes the other half of that time', async () => {
  const { checkpointer, state, archived } = await archiving();
  const after = async (share: number) => {
    Object.assign(state, { sequence: 2, dirtyCount: Math.ceil(share * LIMITS.checkpointRowCount) });
    const running = checkpointer.runIfDue();
    await turnsTaken();
    expect(running === null).toBe(share < 1);
    return archived.length;
  };
  expect([await after(0.62), await after(0.625), await after(0.75), await after(0.99)]).toEqual([0, 1, 2, 3]);
  await after(1);
  expect(archived).toEqual([0.25, 0.5, 0.75, 1].map((share) => `${share} of 0`));
});

test('it does not where somebody waits, or the next has begun', async () => {
  const ended = await archiving();
  await ended.checkpointer.finish();
  expect(ended.archived).toHaveLength(4);

  const { checkpointer, state, archived, held } = await archiving();
  Object.assign(state, { sequence: 2, dirtyCount: LIMITS.checkpointRowCount, isHeld: true });
  checkpointer.runIfDue();
  state.dirtyCount = 0;
  await turnsTaken();
  expect(held, 'its first rows are on their way').toHaveLength(1);
  expect(archived).toHaveLength(4);
});

test('an archive that breaks is told of, beside checkpoints that go on; whoever ends hears it', async () => {
  const { checkpointer, state, failures } = open();
  state.sequence = 99;
  await checkpointer.run();
  await turnsTaken();
  expect(failures).toMatchObject([{ message: 'the archive broke' }]);
  await expect(checkpointer.finish()).rejects.toThrow('the archive broke');
});
