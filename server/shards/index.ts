/** The door of the engine's threads. */
export { EngineStartFault, type StartedEngine, startEngineThreads } from './engine-threads.ts';
