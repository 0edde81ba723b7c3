/**
 * A thread that decrypts one message, and ends. It asks for each chunk, and waits after each piece until it is taken. While
 * neither is under way nothing keeps it alive: where the library waits for ever, it ends without a last word.
 */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { type DecryptingData, PIECE_WAITS, type Said } from './decrypting.ts';
import { PgpFault } from './fault.ts';
import { openPgp } from './library.ts';
import { decryptedPieces } from './message.ts';

/*
 * Node's own takes in all that there is while nobody reads what comes out: all 33 MB of a file, before the second piece of
 * it was asked for. Where there is none, OpenPGP.js inflates by itself, each chunk when it is wanted.
 */
Reflect.deleteProperty(globalThis, 'DecompressionStream');

const { binaryKey, pace } = workerData as DecryptingData;
const port = parentPort!;

say(await outcome());

async function outcome(): Promise<Said> {
  const { readPrivateKey } = await openPgp();
  try {
    for await (const piece of decryptedPieces(received(), await readPrivateKey({ binaryKey }))) hand(piece);
    return { kind: 'whole' };
  } catch (fault) {
    if (fault instanceof PgpFault) return { kind: 'fault', code: fault.code };
    throw fault;
  }
}

async function* received(): AsyncGenerator<Uint8Array> {
  for (;;) {
    say({ kind: 'more' });
    const [chunk] = (await once(port, 'message')) as [Uint8Array | null];
    if (chunk === null) return;
    yield chunk;
  }
}

/**
 * In a copy of its own: a view would be sent with all that it is a view of. The thread has nothing else to do, so it stands
 * still: a few bytes may expand to gigabytes, and nobody holds them.
 */
function hand(piece: Uint8Array): void {
  Atomics.store(pace, 0, PIECE_WAITS);
  say({ kind: 'piece', piece: new Uint8Array(piece) });
  Atomics.wait(pace, 0, PIECE_WAITS);
}

function say(said: Said): void {
  port.postMessage(said);
}
