/** Files and rows for tests: well-formed TRNLOG lines, bodies in pieces, and an engine door that records what it is told. */
import type { FileArrival, ReceivedFile, RecordCommand, RecordOutcome, Refused } from '../../engine/contract.ts';
import type { Read } from '../../engine/engine.ts';
import { italy2020 } from '../../engine/programme/index.ts';
import { createFileIngester, type FileIngester, type FileIngestOptions } from '../../server/files/index.ts';

export const SENDER = '36081';
export const ENCRYPTED_NAME = 'CSTAR.36081.TRNLOG.20210211.101530.001.csv.pgp';
export const FILE_NAME = 'CSTAR.36081.TRNLOG.20210211.101530.001.csv';
/** 11 February 2021, noon in Rome. */
export const NOW_MS = Date.UTC(2021, 1, 11, 11);

export interface RowFields {
  readonly id: string;
  readonly hpan?: string;
  readonly operation?: string;
  readonly date?: string;
  readonly amount?: string;
  readonly mcc?: string;
  readonly merchant?: string;
}

export function row(fields: RowFields): string {
  const { id, hpan = hpanOf(1), operation = '00', amount = '4500', mcc = '5411', merchant = '400000000001' } = fields;
  const date = fields.date ?? '2021-02-11T10:15:30.000+01:00';
  return `${SENDER};${operation};01;${hpan};${date};${id};AUT;;${amount};978;09509;${merchant};80205001;99990000;${mcc}`;
}

export function hpanOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

/** A body in pieces of at most `size` bytes. */
export async function* bodyOf(content: string | Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

export type Judge = (command: RecordCommand) => RecordOutcome | Refused;

export const COUNTED: RecordOutcome = { status: 'counted', scoreCents: 450, awardPeriodId: 2 };

/**
 * An engine's door that remembers what it took, in order. It refuses at once, as a full mailbox does, and answers the
 * rest in a later task, as a flush would.
 */
export class RecordingDoor {
  readonly programme = italy2020();
  readonly taken: RecordCommand[] = [];
  /** As they last stood, by number from 1. */
  readonly files: ReceivedFile[] = [];
  readonly #judge: Judge;
  /** Rows taken and not yet answered, and the most there ever were. */
  inFlight = 0;
  inFlightMax = 0;
  /** Times of reception that a period may have to wait for. */
  readonly intakesMs: number[] = [];

  constructor(judge: Judge = () => COUNTED) {
    this.#judge = judge;
  }

  async openFile(arrival: FileArrival): Promise<Read<ReceivedFile>> {
    const file = { ...arrival, fileNumber: this.files.length + 1, isDone: false, figures: [] };
    this.files.push(file);
    return { ok: true, value: file };
  }

  async closeFile(file: ReceivedFile): Promise<Read<ReceivedFile>> {
    const closed = { ...file, isDone: true };
    this.files[file.fileNumber - 1] = closed;
    return { ok: true, value: closed };
  }

  openIntake(receivedMs: number): () => void {
    this.intakesMs.push(receivedMs);
    return () => void this.intakesMs.splice(this.intakesMs.indexOf(receivedMs), 1);
  }

  record(command: RecordCommand, done: (outcome: RecordOutcome | Refused) => void): void {
    const answer = this.#judge(command);
    if ('ok' in answer) {
      done(answer);
      return;
    }
    this.taken.push(command);
    this.inFlight += 1;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    setImmediate(() => {
      this.inFlight -= 1;
      done(answer);
    });
  }
}

/** Tokens are taken in over a real engine only (tokens.test.ts). */
const absent = () => Promise.reject(new Error('no tokens come here'));
const NO_TOKENS = { cardOfPar: absent, activations: absent, taxCode: absent, execute: () => void absent() };

export function ingesterOver(
  door: RecordingDoor,
  spoolFolder: string,
  options: Partial<FileIngestOptions> & { readonly pauses?: number[] } = {},
): FileIngester {
  const pause = async (ms: number) => {
    options.pauses?.push(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const { pauses: _, ...more } = options;
  return createFileIngester({
    engine: Object.assign(door, NO_TOKENS),
    clock: { nowMs: () => NOW_MS },
    spoolFolder,
    pause,
    refusal: () => null,
    bytesMax: 1_000_000,
    ...more,
  });
}
