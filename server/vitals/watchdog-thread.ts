/** A thread that does nothing but look whether the others come round, and ends the process when one does not. */
import { write } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { workerData } from 'node:worker_threads';
import { DEADLY_MS, LOOK_MS, Vitals } from './vitals.ts';
import { Watch } from './watch.ts';
import type { WatchdogData } from './watchdog.ts';

/** What it has to say may find nobody who reads. */
const LAST_WORDS_MS = 200;

const { memory, names } = workerData as WatchdogData;
const watch = new Watch(new Vitals(memory), performance.now());
const looking = setInterval(() => {
  const dead = watch.look(performance.now());
  if (dead === null) return;
  clearInterval(looking);
  end(`clickday stops: the thread "${names[dead]}" has not come round for ${DEADLY_MS / 1_000} s`);
}, LOOK_MS);

function end(lastWords: string): void {
  const kill = () => process.kill(process.pid, 'SIGKILL');
  write(2, `${lastWords}\n`, kill);
  setTimeout(kill, LAST_WORDS_MS);
}
