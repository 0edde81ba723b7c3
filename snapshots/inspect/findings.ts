/** What an inspection counted and what it found wrong; sentences for people, bounded in number. */

/** Enough to see the pattern of a damage; the rest is only counted. */
const DIFFERENCES_MAX = 1_000;

export type Checked = Readonly<Record<CheckedName, number>>;

const CHECKED_NAMES = [
  'records',
  'sections',
  'facts',
  'messages',
  'citizens',
  'cards',
  'payments',
  'reversals',
  'commands',
  'totals',
  'payouts',
  'notices',
  'files',
  'exclusions',
  'rows',
  'rankings',
] as const;
export type CheckedName = (typeof CHECKED_NAMES)[number];

export interface Inspection {
  readonly ok: boolean;
  readonly checked: Checked;
  /** At most a thousand sentences and one that counts the rest. No personal data: keys and hashes only. */
  readonly differences: readonly string[];
}

export class Findings {
  readonly #checked = Object.fromEntries(CHECKED_NAMES.map((name) => [name, 0])) as Record<CheckedName, number>;
  readonly #differences: string[] = [];
  #differenceCount = 0;

  /** Whatever else is found is only counted. */
  get isFull(): boolean {
    return this.#differences.length === DIFFERENCES_MAX;
  }

  count(name: CheckedName, by = 1): void {
    this.#checked[name] += by;
  }

  differ(sentence: string): void {
    this.#differenceCount += 1;
    if (this.#differences.length < DIFFERENCES_MAX) this.#differences.push(sentence);
  }

  /** Reports only when the two differ. */
  expect(subject: string, expected: unknown, found: unknown): void {
    const difference = firstDifference(expected, found);
    if (difference !== null) this.differ(`${subject}${difference}`);
  }

  inspection(): Inspection {
    const unnamed = this.#differenceCount - this.#differences.length;
    return {
      ok: this.#differenceCount === 0,
      checked: { ...this.#checked },
      differences: unnamed === 0 ? [...this.#differences] : [...this.#differences, `and ${unnamed} more`],
    };
  }
}

/** Enough of a hash to find it, short enough to read. */
export function short(hash: string): string {
  return hash.slice(0, 12);
}

/** Null when equal; else ` .path: expected x, found y` of the first place where two plain values differ. */
export function firstDifference(expected: unknown, found: unknown): string | null {
  if (Object.is(expected, found)) return null;
  if (!isTree(expected) || !isTree(found)) return `: expected ${shown(expected)}, found ${shown(found)}`;
  if (expected instanceof Uint8Array || found instanceof Uint8Array) return bytesDifference(expected, found);

  for (const key in expected) {
    const difference = firstDifference(expected[key], found[key]);
    if (difference !== null) return ` .${key}${difference}`;
  }
  for (const key in found) {
    if (!(key in expected) && found[key] !== undefined) return ` .${key}${firstDifference(undefined, found[key])}`;
  }
  return null;
}

function bytesDifference(expected: unknown, found: unknown): string | null {
  const areEqual =
    expected instanceof Uint8Array &&
    found instanceof Uint8Array &&
    expected.length === found.length &&
    expected.every((byte, index) => byte === found[index]);
  return areEqual ? null : ': other bytes than journaled';
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
