/**
 * Starts the engine's thread and waits until it has recovered. The thread is no fault boundary: whatever ends it,
 * other than an orderly close, ends the process.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { LIMITS, type Programme } from '../../engine/index.ts';
import type { ClockOrigin } from '../clock.ts';
import type { Configuration } from '../config.ts';
import { RemoteEngine } from './remote-engine.ts';
import { createRing } from './ring.ts';

/** What the thread is started with. */
export interface EngineThreadData {
  readonly configuration: Configuration;
  readonly folder: string;
  readonly clock: ClockOrigin;
  readonly port: MessagePort;
  readonly toEngine: SharedArrayBuffer;
  readonly toFront: SharedArrayBuffer;
}

/** What it says once: that it serves, or what a person has to put right. */
export type EngineThreadReport =
  | { readonly ready: EngineThreadReady }
  | { readonly fault: { readonly message: string } };

interface EngineThreadReady {
  readonly programme: Programme;
  /** In memory only, from thread to thread. */
  readonly indexKey: Uint8Array;
  readonly shardCount: number;
  /** The folder was made just now. */
  readonly isNew: boolean;
}

export interface EngineThread {
  readonly engine: RemoteEngine;
  readonly shardCount: number;
  readonly isNew: boolean;
  /** After `engine.close()`: resolves when the thread is gone. */
  readonly ended: Promise<void>;
}

export interface EngineThreadOptions {
  readonly configuration: Configuration;
  readonly folder: string;
  /** The front's; the thread follows it. */
  readonly clock: ClockOrigin;
  /** The thread ended, and nobody had asked it to. */
  readonly failed: (error: unknown) => void;
}

/** The engine could not start, and no restart would help: told in one line. */
export class EngineStartFault extends Error {}

/** @throws EngineStartFault */
export async function startEngineThread(options: EngineThreadOptions): Promise<EngineThread> {
  const { configuration, folder, clock, failed } = options;
  const { port1: port, port2 } = new MessageChannel();
  const [toEngine, toFront] = [createRing(LIMITS.ringBytes), createRing(LIMITS.ringBytes)];
  const data: EngineThreadData = { configuration, folder, clock, port: port2, toEngine, toFront };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, transferList: [port2] });
  worker.once('error', failed);
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve)).then((code) => {
    if (code !== 0) failed(new Error(`the engine's thread ended with ${code}`));
  });

  const report = await new Promise<EngineThreadReport>((resolve) => worker.once('message', resolve));
  if ('fault' in report) throw new EngineStartFault(report.fault.message);
  const { programme, indexKey, shardCount, isNew } = report.ready;
  const engine = new RemoteEngine({ programme, indexKey, clock, port, outgoing: toEngine, incoming: toFront });
  return { engine, shardCount, isNew, ended };
}
