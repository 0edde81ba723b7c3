/** The door of the engine's thread. */
export { EngineStartFault, type EngineThread, startEngineThread } from './engine-thread.ts';
