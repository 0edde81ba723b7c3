/** A thread that reads journals for one question, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { StorageFault } from '../../engine/index.ts';
import { type Doubles, doublesOf, type PastWallet, pastOfTails, pastWallet } from '../../snapshots/index.ts';
import type { PastAnswer, PastThreadData } from './past.ts';

const { tails, wallet } = workerData as PastThreadData;
parentPort!.postMessage(await answer());

async function answer(): Promise<PastAnswer> {
  try {
    return { ok: true, value: await read() };
  } catch (fault) {
    if (fault instanceof StorageFault) return { ok: false, code: fault.code, message: fault.message };
    throw fault;
  }
}

async function read(): Promise<PastWallet | Doubles> {
  if (wallet === null) return doublesOf(() => pastOfTails(tails));
  const { source, close } = await pastOfTails(tails);
  return pastWallet(source, wallet.taxCode, wallet.timeMs).finally(close);
}
