/** A thread that reads the past of one wallet, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { StorageFault } from '../../engine/index.ts';
import { pastOfTails, pastWallet } from '../../snapshots/index.ts';
import type { PastAnswer, PastThreadData } from './past.ts';

const { tails, taxCode, timeMs } = workerData as PastThreadData;
parentPort!.postMessage(await answer());

async function answer(): Promise<PastAnswer> {
  try {
    const { source, close } = await pastOfTails(tails);
    return { past: await pastWallet(source, taxCode, timeMs).finally(close) };
  } catch (fault) {
    if (fault instanceof StorageFault) return { code: fault.code, message: fault.message };
    throw fault;
  }
}
