/** How both databases tell the front what became of a change: one sign, then the answer as JSON or a code. */
import type { Answer, RefusalName } from '../../engine/index.ts';
import type { Verdict } from './peer-engine.ts';

/** `+` done, `=` done before, `-` refused. */
export function parseVerdict(text: string): Verdict {
  const rest = text.slice(1);
  if (text.startsWith('-')) return { ok: false, code: rest as RefusalName };
  return { ok: true, answer: JSON.parse(rest) as Answer, repeated: text.startsWith('=') };
}
