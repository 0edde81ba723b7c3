/**
 * A process full of peers: takes its plan over its IPC channel, and says now and then how many are in. Whatever it is told
 * after that means that those who read nothing shall read.
 */
import { Peers } from './peers.ts';
import type { PeersPlan } from './plan.ts';

const TELL_MS = 100;

process.once('message', ({ plan }: { readonly plan: PeersPlan }) => {
  const peers = new Peers(plan);
  process.on('message', () => peers.resume());
  setInterval(() => process.send?.(peers.count()), TELL_MS);
});
process.on('disconnect', () => process.exit(0));
