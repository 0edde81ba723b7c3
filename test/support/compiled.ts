/**
 * Children of tests run as plain Node programs, so that they can be killed. Node 20 does not read TypeScript: what a
 * child needs is compiled aside, into a folder below this one's checkout, where packages are found.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Compiled {
  /** The JavaScript of the program. */
  readonly path: string;
  remove(): void;
}

/** @param program path of a TypeScript file below the root of the checkout */
export function compile(program: string): Compiled {
  mkdirSync(join(ROOT, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.tmp', 'compiled-'));
  chmodSync(folder, 0o755); // Some children run as another user.
  const options = '--target es2023 --module nodenext --types node --rewriteRelativeImportExtensions --noCheck';
  execFileSync(
    join(ROOT, 'node_modules', '.bin', 'tsc'),
    ['--ignoreConfig', ...options.split(' '), '--rootDir', ROOT, '--outDir', folder, program],
    { cwd: ROOT, stdio: 'inherit' },
  );
  const path = join(folder, relative(ROOT, join(ROOT, program))).replace(/\.ts$/, '.js');
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
