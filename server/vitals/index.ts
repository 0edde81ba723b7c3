/** The door: whether the threads of this process come round, and how full they are. */
export { startHeart, type ThreadView, Vitals } from './vitals.ts';
export { startWatchdog } from './watchdog.ts';
