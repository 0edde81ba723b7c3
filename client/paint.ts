/** Text for a terminal: width without colours, padding, and few, sober colours. */
import { stripVTControlCharacters, styleText } from 'node:util';

export interface Paint {
  dim(text: string): string;
  strong(text: string): string;
  accent(text: string): string;
  alarm(text: string): string;
}

/** Plain text where colours would be noise: pipes, NO_COLOR, tests. */
export function paintFor(hasColours: boolean): Paint {
  const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    hasColours && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return { dim: style('dim'), strong: style('bold'), accent: style('cyan'), alarm: style('red') };
}

/** Columns that a text takes; escape sequences take none. All our characters are one column wide. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

export function left(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function right(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** One text at each end of a line. */
export function spread(start: string, end: string, width: number): string {
  return start + ' '.repeat(Math.max(1, width - widthOf(start) - widthOf(end))) + end;
}

/** A plain text cut to its width; never between the two halves of a character. */
export function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** `12,345` */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 file`, `2,000 entries`; `one` is a regular noun. */
export function counted(count: number, one: string): string {
  if (count === 1) return `1 ${one}`;
  return `${grouped(count)} ${one.endsWith('y') ? `${one.slice(0, -1)}ies` : `${one}s`}`;
}

/** Three figures at most, whatever the size: `0.83 ms`, `12.4 ms`, `1.20 s`. */
export function duration(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(ms >= 10_000 ? 1 : 2)} s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)} ms`;
}

export function euro(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`;
}

/** `1:07` */
export function clockOf(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
