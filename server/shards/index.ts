/** The door of the engine's threads. */
export { EngineStartFault, type Health, type StartedEngine, startEngineThreads } from './engine-threads.ts';
