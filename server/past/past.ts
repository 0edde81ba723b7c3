/**
 * The past of a wallet out of the folder of a running engine. All of the journal is unpacked for it, so a thread of its own
 * does that; what is not archived yet is asked of the stores' threads beforehand, as a backup does.
 */
import { Worker } from 'node:worker_threads';
import { StorageFault } from '../../engine/index.ts';
import { type BackupSource, type JournalTails, type PastWallet, tailsOf } from '../../snapshots/index.ts';

export interface AskedPast {
  readonly taxCode: string;
  /** Of the programme. */
  readonly timeMs: number;
}

export interface PastThreadData extends AskedPast {
  readonly tails: JournalTails;
}

export type PastAnswer = { readonly past: PastWallet } | { readonly code: string; readonly message: string };

/** One citizen's facts are kept, and a segment at a time: more would say that something is wrong. */
const HEAP_MB = 512;

/** @throws StorageFault what is damaged, or missing; PAST_UNREADABLE where the thread ends, which harms nobody else */
export async function readPast(source: BackupSource, asked: AskedPast): Promise<PastWallet> {
  const workerData: PastThreadData = { ...asked, tails: await tailsOf(source) };
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
  if ('past' in answer) return answer.past;
  throw new StorageFault(answer.code, answer.message);
}
