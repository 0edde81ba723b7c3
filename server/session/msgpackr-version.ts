/**
 * Holds the decoder of strangers' frames to the version that was examined. The 1.12 line, which lmdb brings for
 * itself, can be killed by a 64 kB frame (faults 43): a package manager that shared it must not go unnoticed.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { invariant } from '../../engine/index.ts';

const MSGPACKR_VERSION = '2.1.3';

export function assertMsgpackrVersion(): void {
  const version = packageVersion(createRequire(import.meta.url).resolve('msgpackr'), 'msgpackr');
  invariant(version === MSGPACKR_VERSION, `msgpackr is ${version}; examined was ${MSGPACKR_VERSION}`);
}

/** The package does not export its own package.json: it is the nearest one of that name above the entry file. */
function packageVersion(entry: string, name: string): string {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'));
    if (manifest?.name === name) return manifest.version ?? 'without a version';
  }
  return 'not found';
}

function readManifest(path: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
