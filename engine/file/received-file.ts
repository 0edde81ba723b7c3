/** Files of acquirers as they are accounted for: what a partition took in of each, and where their rows stand. */
import { type FileArrival, type FileFigure, INTEGER_MAX, type ReceivedFile } from '../contract.ts';
import { romeDayNumber } from '../programme/index.ts';

/** A list of device tokens, as its name says (domain 9): its lines are no records, and nothing that follows names it. */
export function isTokenList({ name }: Pick<FileArrival, 'name'>): boolean {
  return name.startsWith('TKM.');
}

/** What one partition has accepted of a file. */
export interface FileTally {
  readonly fileNumber: number;
  readonly rowCount: number;
  /** At most INTEGER_MAX. */
  readonly amountCents: number;
}

export function addToTally(tally: FileTally, { rowCount, amountCents }: Omit<FileTally, 'fileNumber'>): FileTally {
  return {
    fileNumber: tally.fileNumber,
    rowCount: tally.rowCount + rowCount,
    amountCents: addCents(tally.amountCents, amountCents),
  };
}

/** Stays at INTEGER_MAX, 45 trillion euro: a sender of nonsense must not stop the engine. */
export function addCents(left: number, right: number): number {
  return Math.min(left + right, INTEGER_MAX);
}

/** All that is told of a file that its sender got no answer about. */
export function figuresOf({ rowCount, amountCents }: FileTally): readonly FileFigure[] {
  return rowCount === 0 ? [] : [{ fate: 'accepted', code: null, rowCount, amountCents }];
}

/** Of a file that was accounted for before: what is not accepted now is what it was then. */
export function repeatedFigures(figures: readonly FileFigure[]): readonly FileFigure[] {
  return figures.map((figure) => (figure.fate === 'accepted' ? figure : { ...figure, fate: 'repeated' }));
}

const DIGITS = 9;
const DAY_DIGITS = 6;

export function fileTallySub(fileNumber: number): string {
  return fileNumber.toString().padStart(DIGITS, '0');
}

/** Where the files stand, day by day. */
export const FILES_PREFIX = 'day ';

/** @param sender null = of all */
export function filesPrefix(dayNumber: number, sender: string | null): string {
  return `${FILES_PREFIX}${dayNumber.toString().padStart(DAY_DIGITS, '0')} ${sender === null ? '' : `${sender} `}`;
}

/** By the day of arrival in Rome. */
export function receivedFileSub({
  receivedMs,
  sender,
  fileNumber,
}: Pick<ReceivedFile, 'receivedMs' | 'sender' | 'fileNumber'>): string {
  return filesPrefix(romeDayNumber(receivedMs), sender) + fileTallySub(fileNumber);
}

/** Where the last one stands, whose number is the highest. */
export const LAST_FILE_SUB = 'last';

/** Where one stands that is done, to be known again. */
export function contentSub({ sender, digest }: Pick<FileArrival, 'sender' | 'digest'>): string {
  return `content ${sender} ${digest}`;
}

/** The rows of a file as it now stands. */
export function receivedFileSubs(file: ReceivedFile): readonly string[] {
  return [receivedFileSub(file), file.isDone ? contentSub(file) : LAST_FILE_SUB];
}
