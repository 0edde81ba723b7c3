/**
 * Loaded into a program before it starts (`--import`): ends it at the n-th step of what it does with plain files whose
 * path fits a pattern. Each sync, rename and removal is two steps, one before and one after it; the removal of a folder
 * has a third one, when half of it is gone. LMDB's own writes are not seen: they have named points.
 *
 *     CLICKDAY_KILL_STEP='7 ^/tmp/backup/'
 */
import fs from 'node:fs';
import promises, { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [count, pattern] = (process.env.CLICKDAY_KILL_STEP ?? '0 $').split(' ');
const watched = new RegExp(pattern!);
let left = Number(count);

/** Whether this is where it ends. */
function isDue(path: string): boolean {
  if (!watched.test(path)) return false;
  left -= 1;
  return left === 0;
}

function step(path: string): void {
  if (isDue(path)) end();
}

/** The signal may reach another thread first: this one does nothing more. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function pathOf(descriptor: number): string {
  return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
}

const { fsyncSync, renameSync, rmSync } = fs;
const { rename } = promises;

function removed(path: fs.PathLike, options: fs.RmOptions = {}): void {
  const text = String(path);
  step(text);
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && isDue(text)) {
    const names = fs.readdirSync(text);
    for (const name of names.slice(0, Math.ceil(names.length / 2))) rmSync(join(text, name), { recursive: true });
    end();
  }
  rmSync(path, options);
  step(text);
}

Object.assign(fs, {
  fsyncSync(descriptor: number) {
    const path = pathOf(descriptor);
    step(path);
    fsyncSync(descriptor);
    step(path);
  },
  renameSync(from: string, to: string) {
    step(to);
    renameSync(from, to);
    step(to);
  },
  rmSync: removed,
});
Object.assign(promises, {
  async rename(from: string, to: string) {
    step(to);
    await rename(from, to);
    step(to);
  },
});

/** What every handle has its methods from. */
const probe = await open(fileURLToPath(import.meta.url));
const handles = Object.getPrototypeOf(probe) as FileHandle;
await probe.close();
const { sync } = handles;
handles.sync = async function (this: FileHandle) {
  const path = pathOf(this.fd);
  step(path);
  await sync.call(this);
  step(path);
};
syncBuiltinESMExports();
