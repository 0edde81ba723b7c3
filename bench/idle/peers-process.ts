/** A process full of peers: takes its plan over its IPC channel, and says now and then how many are in. */
import { Peers } from './peers.ts';
import type { Told } from './plan.ts';

const TELL_MS = 100;

let peers: Peers | undefined;
process.on('message', (told: Told) => {
  if ('plan' in told) {
    const started = new Peers(told.plan);
    peers = started;
    setInterval(() => process.send?.(started.count()), TELL_MS);
  } else peers?.resume();
});
process.on('disconnect', () => process.exit(0));
