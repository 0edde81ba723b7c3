/** Makes one JavaScript file of a simulation, with changes to the sources that it is made of. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

/** Replaces the one place in a file at which `find` stands. */
export interface Patch {
  /** Below the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export class PatchFault extends Error {}

const ROOT = process.cwd();

/** @throws PatchFault where a `find` does not stand in its file exactly once */
export function patched(text: string, patches: readonly Patch[]): string {
  return patches.reduce((before, { file, find, replace }) => {
    const places = before.split(find).length - 1;
    if (places !== 1) throw new PatchFault(`${file} has ${places} places with: ${find}`);
    return before.replace(find, () => replace);
  }, text);
}

export function patchedFile(file: string, patches: readonly Patch[]): string {
  const own = patches.filter((patch) => patch.file === file);
  return patched(readFileSync(join(ROOT, file), 'utf8'), own);
}

/**
 * @param name of the file below .tmp/simulation
 * @returns its path; packages stay outside, and are found from there
 */
export async function bundle(name: string, patches: readonly Patch[]): Promise<string> {
  const folder = join(ROOT, '.tmp', 'simulation');
  mkdirSync(folder, { recursive: true });
  const changed = new Set(patches.map(({ file }) => file));
  const built = await rolldown({
    input: join(ROOT, 'test', 'simulation', 'seeds.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    plugins: [
      {
        name: 'patches',
        load: (id) => {
          const file = relative(ROOT, id);
          return changed.has(file) ? patchedFile(file, patches) : null;
        },
      },
    ],
  });
  const path = join(folder, `${name}.mjs`);
  await built.write({ file: path, format: 'esm' });
  await built.close();
  return path;
}
