/** The files that rows come in, and the account of each. */
import type { RefusalName } from './refusals.ts';

/**
 * What an account of a file says of a row. `accepted`: a payment counted, a reversal stored, or a token enabled;
 * `repeated`: the same was accounted for before, as a record that is stored or as a line of the same file, or the token is
 * its owner's already.
 */
export const ROW_FATES = ['accepted', 'dropped', 'rejected', 'repeated'] as const;
export type RowFate = (typeof ROW_FATES)[number];

/** Rows of one file that went the same way for the same reason. */
export interface FileFigure {
  readonly fate: RowFate;
  /** Null = nothing is to be said against them; of accepted ones: why a reversal was parked. */
  readonly code: RefusalName | null;
  readonly rowCount: number;
  /** Absolute amounts; a row of a wrong form has none, nor has a token. At most INTEGER_MAX. */
  readonly amountCents: number;
}

export interface FileArrival {
  /** ABI code. */
  readonly sender: string;
  readonly name: string;
  /** SHA-256 of its clear text, hexadecimal, and of one that has arrived a keyed hash of that: the same file, whatever it is called. */
  readonly digest: string;
  /** Of all its rows. */
  readonly receivedMs: number;
}

/** A file of an acquirer, each time that it comes. */
export interface ReceivedFile extends FileArrival {
  /** From 1, in the order of arrival. */
  readonly fileNumber: number;
  /** False: it is under way, or was cut short, and its sender was never answered. */
  readonly isDone: boolean;
  /** Of one that is not done: the records accepted so far, and nothing is known of the others, nor of tokens. */
  readonly figures: readonly FileFigure[];
}

export interface ReceivedFilesPage {
  readonly files: readonly ReceivedFile[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}
