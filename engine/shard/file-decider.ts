/** Decides, within a turn of partition 0, how files of acquirers are accounted for. */
import { invariant } from '../assert.ts';
import type { FileArrival, ReceivedFile } from '../contract.ts';
import type { Fact } from '../facts.ts';
import { contentSub, LAST_FILE_SUB, receivedFileSub, repeatedFigures } from '../file/received-file.ts';
import type { Turn } from './turn.ts';

export interface FileDeciderOptions {
  /** Keyed hash of a text: a file may be one row with a card number in it, which a plain hash would tell. */
  readonly digest: (text: string) => string;
  readonly fact: (turn: Turn, partition: number, fact: Fact) => void;
}

export class FileDecider {
  readonly #options: FileDeciderOptions;

  constructor(options: FileDeciderOptions) {
    this.#options = options;
  }

  open(turn: Turn, { sender, name, receivedMs, ...arrival }: FileArrival): ReceivedFile {
    const digest = this.#options.digest(arrival.digest);
    const last = turn.view.get('receivedFile', 0, '', LAST_FILE_SUB);
    const fileNumber = (last?.fileNumber ?? 0) + 1;
    return this.#set(turn, { sender, name, digest, receivedMs, fileNumber, isDone: false, figures: [] });
  }

  /** All its rows are answered. What was told of the same file before is not told again. */
  close(turn: Turn, file: ReceivedFile): ReceivedFile {
    const stored = turn.view.get('receivedFile', 0, '', receivedFileSub(file));
    invariant(stored?.isDone === false, `file ${file.fileNumber} is not open`);
    const isRepetition = turn.view.get('receivedFile', 0, '', contentSub(stored)) !== undefined;
    const figures = isRepetition ? repeatedFigures(file.figures) : file.figures;
    return this.#set(turn, { ...stored, isDone: true, figures });
  }

  #set(turn: Turn, file: ReceivedFile): ReceivedFile {
    this.#options.fact(turn, 0, { kind: 'receivedFileSet', file });
    return file;
  }
}
