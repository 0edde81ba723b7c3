/** What processes cost, as Linux counts it, seen from outside. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in these, whatever the kernel's own tick. */
export const TICK_MS = 10;

/** Processor time of all threads of a process so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const [, , , , , , , , , , , user, system] = fieldsOf(pid);
  return (Number(user) + Number(system)) * TICK_MS;
}

/** Of a process and its living children: for servers that take a process for each connection. */
export function cpuMsOfFamily(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, member) => sum + cpuMsOf(member), 0);
}

export interface ProcessMemory {
  /** The process's own: on its heaps, and shared between its threads. Nothing else can be taken from it. */
  readonly ownBytes: number;
  /** Pages of files, the databases' first of all: the system takes them back when it needs memory. */
  readonly mappedBytes: number;
}

export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1_024;
  return { ownBytes: bytesOf('RssAnon') + bytesOf('RssShmem'), mappedBytes: bytesOf('RssFile') };
}

/**
 * What a process has handed to files so far. Not `write_bytes`: where the page cache has large folios, Linux counts all of
 * one for a page of it, nine times what the disk then was asked to write.
 */
export function writtenBytesOf(pid: number): number {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  return Number(/^wchar: (\d+)$/m.exec(io)?.[1] ?? 0);
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => parentOf(other) === pid);
}

/** Zero when it has ended meanwhile. */
function parentOf(pid: number): number {
  try {
    return Number(fieldsOf(pid)[1]);
  } catch {
    return 0;
  }
}

/** From the third field, the state: the second is the program's name in brackets, which may hold blanks. */
function fieldsOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
