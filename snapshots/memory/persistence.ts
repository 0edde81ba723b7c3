/** Persistence on a disk in memory: the same records, rows and keys, byte for byte, without the file system. */
import { randomUUID } from 'node:crypto';
import { FORMAT } from '../codec/formats.ts';
import { KeyedHash, newKeys } from '../keys.ts';
import type { OnPoint } from '../media.ts';
import { checkShardCount, type Persistence } from '../persistence.ts';
import { type RankingSink, type RankingSource, readRanking, writeRanking } from '../ranking-file.ts';
import { openStore, scrubStore } from '../store.ts';
import { emptyFiles, MemoryDisk, type MemoryFolder, memoryMedia } from './disk.ts';

export interface MemoryPersistenceOptions {
  /** Undefined = what the disk has; 1 on an empty one. */
  readonly shardCount?: number | undefined;
  /** Reopen the disk of an earlier persistence to find what it had flushed. */
  readonly disk?: MemoryDisk;
  /** What a new disk gets, and to what an older one is raised; today's if not given. */
  readonly format?: number;
  readonly onPoint?: OnPoint;
}

export interface MemoryPersistence extends Persistence {
  readonly disk: MemoryDisk;
}

/** @throws StorageFault SHARDS_MISMATCH */
export async function openMemoryPersistence(options: MemoryPersistenceOptions = {}): Promise<MemoryPersistence> {
  const disk = options.disk ?? new MemoryDisk();
  const { format = FORMAT } = options;
  disk.folder ??= newFolder(options.shardCount ?? 1, format);
  const { folder } = disk;
  folder.format = Math.max(folder.format, format);
  const shardCount = folder.stores.length;
  checkShardCount(shardCount, options.shardCount);

  const flush = disk.flusher();
  const keyedHash = new KeyedHash(folder.keys.index);
  const onPoint = options.onPoint ?? (() => {});
  const stores = await Promise.all(
    folder.stores.map((files, index) => {
      const { folderId, keys } = folder;
      const media = memoryMedia(files, flush);
      const place = { folderId, generation: 0, index };
      return openStore({ media, place, format: folder.format, master: keys.master, keyedHash, onPoint });
    }),
  );
  return {
    disk,
    shardCount,
    isNew: stores.every((store) => store.journal.lastSequence === 0),
    stores,
    past: [],
    folder: 'memory',
    indexKey: folder.keys.index,
    async saveRanking(awardPeriodId, copy, vector) {
      const sink = new BufferSink(flush);
      await writeRanking(sink, copy, vector);
      await flush(() => {
        folder.rankings.set(awardPeriodId, sink.bytes());
      });
    },
    loadRanking(awardPeriodId) {
      const bytes = folder.rankings.get(awardPeriodId);
      return bytes === undefined ? null : readRanking(bufferSource(bytes));
    },
    eraseKey: (storeIndex, slot) => stores[storeIndex]!.vault.erase(slot),
    scrub: () => stores.forEach(scrubStore),
    async close() {
      for (const { failStop } of stores) failStop.close();
    },
  };
}

function newFolder(shardCount: number, format: number): MemoryFolder {
  const stores = Array.from({ length: shardCount }, emptyFiles);
  return { format, folderId: randomUUID(), keys: newKeys(), stores, rankings: new Map() };
}

/** As slow as a disk: moves come between the pieces. */
class BufferSink implements RankingSink {
  readonly #flush: (write: () => void) => Promise<void>;
  readonly #parts: Uint8Array[] = [];

  constructor(flush: (write: () => void) => Promise<void>) {
    this.#flush = flush;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#flush(() => {
      this.#parts.push(bytes);
    });
  }

  setStart(bytes: Uint8Array): void {
    this.#parts[0] = bytes;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function bufferSource(bytes: Buffer): RankingSource {
  return { length: bytes.length, read: (at, length) => bytes.subarray(at, at + length), close: () => {} };
}
