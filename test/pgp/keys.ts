/** Keys for tests, in memory and in files; and bytes in pieces. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, type PrivateKey, type PublicKey } from 'openpgp';

export interface Pair {
  readonly privateKey: PrivateKey;
  readonly publicKey: PublicKey;
}

export function newPair(options: Partial<Parameters<typeof generateKey>[0]> = {}): Promise<Pair> {
  return generateKey({ userIDs: [{ name: 'test' }], ...options, format: 'object' });
}

/** A folder of files that goes with the test. */
export class Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'clickday-pgp-'));

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
