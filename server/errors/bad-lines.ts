/** The bad lines of one file while it is read: only so many are held, the others are counted. */
import { LIMITS, type RefusalName } from '../../engine/index.ts';
import { withoutPans } from '../wire/index.ts';

export interface BadLine {
  /** From 1, as an editor counts. */
  readonly line: number;
  readonly code: RefusalName;
  /** The column at fault, or empty. */
  readonly detail: string;
  /** As it came, but for card numbers (promise 9); empty where it was too long. */
  readonly text: string;
  /** False: `text` is not all that came. */
  readonly isWhole: boolean;
}

export class BadLines {
  readonly #lines: BadLine[] = [];
  #unheldCount = 0;

  get unheldCount(): number {
    return this.#unheldCount;
  }

  /** Those that the engine refuses are found later than those that cannot be read. */
  get lines(): readonly BadLine[] {
    return this.#lines.toSorted((left, right) => left.line - right.line);
  }

  add({ line, code, detail = '', text }: Pick<BadLine, 'line' | 'code' | 'text'> & { readonly detail?: string }): void {
    if (this.#lines.length === LIMITS.errorLinesMax) {
      this.#unheldCount += 1;
      return;
    }
    const kept = withoutPans(text);
    this.#lines.push({ line, code, detail, text: kept, isWhole: kept === text && text !== '' });
  }
}
