/** Where the picture goes: redrawn in place on a terminal, one line for each change of scene anywhere else. */
import { duration, grouped, type Paint } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { type ReplayView, renderView } from './view.ts';

export interface Screen {
  show(view: ReplayView): void;
  /** Leaves the last picture standing; may be called twice. */
  end(): void;
}

export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const TO_LINE_END = '\u001b[K';
const TO_SCREEN_END = '\u001b[J';

export function createScreen(terminal: Terminal, paint: Paint): Screen {
  return terminal.isTTY === true ? liveScreen(terminal, paint) : lineScreen(terminal);
}

/** Goes up over the last picture and writes the new one over it: no flicker, and the scroll-back stays clean. */
function liveScreen(terminal: Terminal, paint: Paint): Screen {
  let linesDrawn = 0;
  return {
    show(view) {
      const lines = renderView(view, paint);
      const up = linesDrawn === 0 ? HIDE_CURSOR : `\u001b[${linesDrawn}A`;
      terminal.write(`${up}${lines.map((line) => `${line}${TO_LINE_END}\n`).join('')}${TO_SCREEN_END}`);
      linesDrawn = lines.length;
    },
    end() {
      if (linesDrawn > 0) terminal.write(SHOW_CURSOR);
      linesDrawn = 0;
    },
  };
}

/** A scene is told when it is over: then its counts are known. */
function lineScreen(terminal: Terminal): Screen {
  let last: ReplayView | null = null;
  const tell = () => {
    if (last !== null) terminal.write(`${sceneLine(last)}\n`);
  };
  return {
    show(view) {
      if (last !== null && sceneOf(view) !== sceneOf(last)) tell();
      last = view;
    },
    end() {
      tell();
      last = null;
    },
  };
}

/** The check counts in its `part`; it is one scene all the same. */
function sceneOf({ title, part }: ReplayView): string {
  return part.includes('night') ? `${title} ${part}` : title;
}

function sceneLine(view: ReplayView): string {
  const { citizens, done, latency, lost, payments, part, programmeMs, title } = view;
  const counts = [
    `${grouped(done)} done`,
    `p99 ${duration(latency.p99Ms)}`,
    `${grouped(lost)} lost`,
    `${grouped(citizens)} citizens`,
    `${grouped(payments)} payments`,
  ];
  return `${romeMoment(programmeMs)}  ${title}${part === '' ? '' : ` (${part})`}: ${counts.join(', ')}`;
}
