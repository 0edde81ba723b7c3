/**
 * What is read out of the journals of a running engine: all of them are unpacked for it, so a thread of its own does that;
 * what is not archived yet is asked of the stores' threads beforehand, as a backup does.
 */
import { Worker } from 'node:worker_threads';
import { StorageFault } from '../../engine/index.ts';
import { type BackupSource, type Doubles, type JournalTails, type PastWallet, tailsOf } from '../../snapshots/index.ts';

export interface AskedPast {
  readonly taxCode: string;
  /** Of the programme. */
  readonly timeMs: number;
}

export interface PastThreadData {
  /** Null: records that several cards have. */
  readonly wallet: AskedPast | null;
  readonly tails: JournalTails;
}

export type PastAnswer =
  | { readonly ok: true; readonly value: PastWallet | Doubles }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** What is kept are one citizen's facts or numbers, and a segment at a time: more would say that something is wrong. */
const HEAP_MB = 512;

/** @throws StorageFault what is damaged, or missing; PAST_UNREADABLE where the thread ends, which harms nobody else */
export function readPast(source: BackupSource, asked: AskedPast): Promise<PastWallet> {
  return read(source, asked) as Promise<PastWallet>;
}

/** @throws StorageFault as `readPast` */
export function readDoubles(source: BackupSource): Promise<Doubles> {
  return read(source, null) as Promise<Doubles>;
}

async function read(source: BackupSource, wallet: AskedPast | null): Promise<PastWallet | Doubles> {
  const workerData: PastThreadData = { wallet, tails: await tailsOf(source) };
  const worker = new Worker(new URL('./past-thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  const answer = await new Promise<PastAnswer>((resolve, reject) => {
    const ended = (why: string, cause?: Error) => {
      reject(new StorageFault('PAST_UNREADABLE', `the thread that reads a past ended: ${why}`, { cause }));
    };
    worker.once('message', resolve);
    worker.once('error', (error) => ended(error.message, error));
    worker.once('exit', (code) => ended(`with ${code}`));
  });
  if (answer.ok) return answer.value;
  throw new StorageFault(answer.code, answer.message);
}
