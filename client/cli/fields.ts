/** `field=value` of the command line to the fields of a request. */
import { usageFault } from './verb.ts';

/** Numbers of the protocol; everything else that looks like a number is a text (an ABI code, the last digits). */
const NUMBERS = new Set(['awardPeriodId', 'limit', 'cursor', 'firstRank', 'count', 'cancellationMs']);

/**
 * A dot opens an object (`details.brand=VISA`); a value that begins with `[` or `{` is JSON.
 * @throws VerbFault with exit code 2 that names the text
 */
export function parseFields(texts: readonly string[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1) throw usageFault(`a field is written name=value, not "${text}"`);
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
    const [outer, inner, ...deeper] = name.split('.');
    if (deeper.length > 0 || outer === undefined) throw usageFault(`"${name}" nests too deeply`);
    if (inner === undefined) fields[outer] = parseValue(outer, value);
    else fields[outer] = { ...(fields[outer] as object | undefined), [inner]: parseValue(inner, value) };
  }
  return fields;
}

function parseValue(name: string, text: string): unknown {
  if (NUMBERS.has(name)) return parseNumber(name, text);
  if (!text.startsWith('[') && !text.startsWith('{')) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw usageFault(`the value of ${name} is not JSON: ${text}`);
  }
}

function parseNumber(name: string, text: string): number {
  const value = text === '' ? Number.NaN : Number(text);
  if (!Number.isSafeInteger(value)) throw usageFault(`${name} is a whole number, not "${text}"`);
  return value;
}
