/**
 * Keeps an uploaded file out of memory until all of it is known to be text: what is not UTF-8 is refused whole,
 * before its first row counts (DECISION 40 of 30).
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Read, Refused } from '../../engine/index.ts';

export interface Spool {
  readonly bytes: number;
  /** SHA-256 of them, hexadecimal. */
  readonly digest: string;
  /** The text in pieces, without a byte-order mark; from the start, once. */
  text(): AsyncGenerator<string>;
  /** Gives the disk space back. */
  close(): Promise<void>;
}

export type Spooled = { readonly ok: true; readonly spool: Spool } | Refused;

export interface SpoolLimits {
  readonly bytesMax: number;
  /** Asked before each piece: why it may not be written; null = it may. */
  readonly refusal: () => Refused | null;
}

const READ_BYTES = 262_144;
const CIPHER = 'aes-256-ctr';

/**
 * The spool has no name from the moment it exists, so a crash leaves no file; and it is sealed with a key that only
 * this process ever holds, so that a row with a card number in it leaves nothing readable on the disk (promise 9).
 */
export async function spoolText(
  body: AsyncIterable<Uint8Array>,
  folder: string,
  limits: SpoolLimits,
): Promise<Spooled> {
  const path = join(folder, `.upload-${randomBytes(8).toString('hex')}`);
  const handle = await open(path, 'wx+', 0o600);
  try {
    await rm(path);
    const seal = { key: randomBytes(32), start: randomBytes(16) };
    const written = await writeSealed({ body, handle, seal, ...limits });
    if (written.ok) return { ok: true, spool: openSpool(handle, seal, written.value) };
    await handle.close();
    return written;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

type Written = Pick<Spool, 'bytes' | 'digest'>;

interface Seal {
  readonly key: Buffer;
  readonly start: Buffer;
}

interface Writing extends SpoolLimits {
  readonly body: AsyncIterable<Uint8Array>;
  readonly handle: FileHandle;
  readonly seal: Seal;
}

/** @returns what is there, or what is wrong with it */
async function writeSealed({ body, handle, seal, bytesMax, refusal }: Writing): Promise<Read<Written>> {
  const cipher = createCipheriv(CIPHER, seal.key, seal.start);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const hash = createHash('sha256');
  let bytes = 0;
  let isText = true;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { ok: false, code: 'TOO_LARGE' };
    // Read to its end all the same: what was encrypted is judged only when it is known to be what was sent. Otherwise the
    // answer to a message that somebody changed would tell, bit by bit, what is in it.
    isText &&= decodes(() => decoder.decode(chunk, { stream: true }));
    if (!isText) continue;
    const refused = refusal();
    if (refused !== null) return refused;
    hash.update(chunk);
    await handle.write(cipher.update(chunk));
  }
  if (!isText || !decodes(() => decoder.decode())) return { ok: false, code: 'ENCODING_INVALID' };
  return { ok: true, value: { bytes, digest: hash.digest('hex') } };
}

function decodes(decode: () => string): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

function openSpool(handle: FileHandle, seal: Seal, { bytes, digest }: Written): Spool {
  return {
    bytes,
    digest,
    async *text() {
      const decipher = createDecipheriv(CIPHER, seal.key, seal.start);
      // Drops a byte-order mark at the start, and none elsewhere (fault 39).
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (let position = 0; position < bytes; ) {
        const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, position);
        if (bytesRead === 0) throw new Error('the spool ended early');
        position += bytesRead;
        yield decoder.decode(decipher.update(buffer.subarray(0, bytesRead)), { stream: true });
      }
    },
    close: () => handle.close(),
  };
}
