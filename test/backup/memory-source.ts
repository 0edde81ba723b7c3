/** A disk in memory as what a backup is taken of: the test holds its flushes, and takes the backup in between. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { emptyPartition } from '../../engine/shard/fold.ts';
import { type BackupSource, copyRows } from '../../snapshots/backup/source.ts';
import { FailStop } from '../../snapshots/fail-stop.ts';
import type { MemoryDisk } from '../../snapshots/index.ts';
import { wrapIndexKey } from '../../snapshots/keys.ts';
import { indexPath, keysFolder, masterPath } from '../../snapshots/lmdb/folder.ts';
import { storePaths } from '../../snapshots/lmdb/layout.ts';
import { addErased } from '../../snapshots/lmdb/slot-file.ts';
import { memoryMedia } from '../../snapshots/memory/disk.ts';
import { openRecord } from '../../snapshots/record.ts';
import { MediumRows } from '../../snapshots/rows.ts';

/** @param folder for what a backup reads as files: an archive that is empty, and keys as they are when it asks */
export function memorySource(disk: MemoryDisk, folder: string): BackupSource {
  const memory = disk.folder!;
  const { folderId, keys, stores } = memory;
  mkdirSync(keysFolder(folder), { recursive: true });
  writeFileSync(masterPath(keysFolder(folder)), `${Buffer.from(keys.master).toString('hex')}\n`);
  writeFileSync(indexPath(keysFolder(folder)), wrapIndexKey(keys, folderId));
  for (const index of stores.keys())
    mkdirSync(storePaths(folder, { generation: 0, index }).archive, { recursive: true });
  return {
    folder,
    manifest: { format: 1, folderId, shardCount: stores.length, createdAt: '2020-12-07T00:00:00.000Z' },
    async positions() {
      return Promise.all(
        stores.map(async ({ records, slots, erased }, index) => {
          const paths = storePaths(folder, { generation: 0, index });
          writeFileSync(paths.slots, Buffer.concat(slots));
          writeFileSync(paths.erased, '');
          await addErased(paths.erased, erased);
          return { sequence: records.length, slotCount: slots.length, partitions: positionsIn(records) };
        }),
      );
    },
    records: async ({ index }, sequence) => stores[index]!.records.slice(sequence - 1, sequence + 4),
    async copyRows(index, to) {
      const { rows } = stores[index]!;
      const medium = memoryMedia(stores[index]!, disk.flusher()).rows;
      const held = new MediumRows({ medium, format: memory.format, failStop: new FailStop(), onPoint: () => {} });
      const copyRowsTo = (path: string) => writeRows(path, rows);
      return copyRows({ rows: held, copyRowsTo }, { index, shardCount: stores.length }, to);
    },
  };
}

/** As LMDB copies them: a file with the rows of this moment. */
async function writeRows(path: string, rows: ReadonlyMap<string, Buffer>): Promise<void> {
  const moment = [...rows];
  const database = open<Buffer, Buffer>({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary' });
  await database.batch(() => {
    for (const [key, value] of moment) database.put(Buffer.from(key, 'latin1'), value);
  });
  await database.close();
  rmSync(join(path, 'lock.mdb'));
}

/** What the store's own thread would answer from its rows. */
export function positionsIn(records: Iterable<Buffer>) {
  const positions = new Map<number, { partition: number; sequence: number; sent: number[] }>();
  for (const bytes of records) {
    for (const { partition, sequence, within, sent } of openRecord(bytes).sections) {
      const position = positions.get(partition) ?? { partition, sequence, sent: [...emptyPartition().sent] };
      position.sequence = sequence;
      for (const [to, count] of within) position.sent[to] = count;
      for (const message of sent) position.sent[message.to] = message.sequence;
      positions.set(partition, position);
    }
  }
  return [...positions.values()];
}
