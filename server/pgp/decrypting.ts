/**
 * Decrypts what comes encrypted for the platform, each message on a thread of its own. The front could not do it: a block
 * of bzip2 may take a third of a second, and some malformed messages the library never answers. A thread that waits for
 * nothing ends by itself, and takes with it whatever the library was at.
 *
 * 120 MB of rows as the acquirers' program encrypted them (33 MB of ZIP and CAST5) take 5 s of a processor, those that gpg
 * encrypts with AES and does not compress 2 s. The process, which then has two heaps, takes 190 MB of memory, for twice the
 * file as well; 340 MB for zeros in bzip2, as much as anybody can make of a few bytes.
 */
import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { PrivateKey } from 'openpgp';
import { LIMITS } from '../../engine/index.ts';
import type { Transform } from './encrypting.ts';
import { PgpFault } from './fault.ts';

export interface DecryptingData {
  /** Unlocked. */
  readonly binaryKey: Uint8Array;
  /** One word, shared. */
  readonly pace: Int32Array;
}

export const PIECE_WAITS = 0;
const PIECE_TAKEN = 1;

export type Said =
  /** A chunk is wanted; null answers that there are no more. */
  | { readonly kind: 'more' }
  | { readonly kind: 'piece'; readonly piece: Uint8Array }
  | { readonly kind: 'whole' }
  | { readonly kind: 'fault'; readonly code: PgpFault['code'] };

/** Beside what message.ts allows it to hold. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };

export interface DecryptingOptions {
  readonly key: PrivateKey;
  /** A thread died of what nobody expected. */
  readonly failed: (error: unknown) => void;
}

/**
 * What comes out is not to be acted on before it has ended: only then is it known to be whole and unchanged. It throws
 * PgpFault instead of ending where it is not, and what `bytes` throws.
 */
export function decrypting({ key, failed }: DecryptingOptions): Transform {
  const binaryKey = key.write();
  return (bytes) => decrypted(bytes, binaryKey, failed);
}

async function* decrypted(
  bytes: AsyncIterable<Uint8Array>,
  binaryKey: Uint8Array,
  failed: DecryptingOptions['failed'],
): AsyncGenerator<Uint8Array> {
  const workerData: DecryptingData = { binaryKey, pace: new Int32Array(new SharedArrayBuffer(4)) };
  const thread = new Worker(new URL('./decrypting-thread.js', import.meta.url), {
    workerData,
    resourceLimits: RESOURCE_LIMITS,
  });
  const chunks = limited(bytes);
  try {
    for await (const said of saidBy(thread, failed)) {
      if (said.kind === 'whole') return;
      if (said.kind === 'fault') throw new PgpFault(said.code);
      if (said.kind === 'more') {
        const { value = null } = await chunks.next();
        thread.postMessage(value);
        continue;
      }
      yield said.piece;
      Atomics.store(workerData.pace, 0, PIECE_TAKEN);
      Atomics.notify(workerData.pace, 0);
    }
    throw new PgpFault('PGP_INVALID', { cause: 'the library gave no answer' });
  } finally {
    await Promise.all([thread.terminate(), chunks.return(undefined)]);
  }
}

/** In copies of their own: a view would be sent with all that it is a view of. */
async function* limited(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let count = 0;
  for await (const chunk of bytes) {
    count += chunk.length;
    if (count > LIMITS.fileBytesMax) throw new PgpFault('TOO_LARGE');
    yield new Uint8Array(chunk);
  }
}

async function* saidBy(thread: Worker, failed: DecryptingOptions['failed']): AsyncGenerator<Said> {
  try {
    for await (const [said] of on(thread, 'message', { close: ['exit'] })) yield said as Said;
  } catch (cause) {
    failed(cause);
    throw new PgpFault('INTERNAL_ERROR', { cause });
  }
}
