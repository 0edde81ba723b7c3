/** What LMDB leaves to its users: seats of dead readers, readers that stay, and a look at how its file grows. */
import type { FileStore } from '../../snapshots/index.ts';
import { log } from '../fail-stop.ts';

const MINUTE_MS = 60_000;
/** A file of rows that is larger than this, and than so many times what is in it, is worth a line in the log. */
const ROWS_FILE = { bytesMin: 67_108_864, growthMax: 2 } as const;
/** A reader that stays longer than this is worth a line as well. */
const READER_MS = 5_000;

export const ROWS_GROWN = 'the file of rows is more than twice as large as what is in it';
export const SLOW_READER = 'a past state of a database has been read for seconds';

/** Goes on until the store is closed. */
export function maintain(store: FileStore): void {
  every(MINUTE_MS, store, () => {
    const { readersCleared, damagedRow, rows } = store.maintain();
    if (readersCleared > 0) log.warn({ readersCleared }, 'processes died while they read the database');
    if (damagedRow !== null)
      log.error({ damagedRow }, 'damaged: whoever needs it is refused until the next start makes it anew');
    const isGrowing = rows.fileBytes > ROWS_FILE.growthMax * rows.liveBytes && rows.fileBytes > ROWS_FILE.bytesMin;
    if (isGrowing) log.warn(rows, ROWS_GROWN);
  });
  let before: readonly string[] = [];
  every(READER_MS, store, () => {
    const now = store.pastReaders();
    const readers = now.filter((reader) => before.includes(reader));
    if (readers.length > 0) log.warn({ readers }, SLOW_READER);
    before = now;
  });
}

function every(ms: number, { failStop }: FileStore, act: () => void): void {
  const timer = setInterval(() => {
    if (failStop.hasFailed) clearInterval(timer);
    else act();
  }, ms);
  timer.unref();
}
