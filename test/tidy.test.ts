// Method: every import of the program's own files is read and held against the table of who may import whom; the
// engine's text is searched for clocks, randomness and I/O; the graph of imports that run is searched for cycles.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const AREAS = ['engine', 'snapshots', 'server', 'client', 'bench'] as const;

interface Import {
  readonly from: string;
  /** A path below the root for our own files, else what was written. */
  readonly to: string;
  readonly isOurs: boolean;
  /** Leaves no trace in the program that runs. */
  readonly isTypeOnly: boolean;
}

const FILES = AREAS.flatMap((area) =>
  readdirSync(join(ROOT, area), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => join(area, path)),
).sort();
const TEXTS = new Map(FILES.map((file) => [file, withoutComments(readFileSync(join(ROOT, file), 'utf8'))]));
const IMPORTS = FILES.flatMap((file) => importsOf(file, TEXTS.get(file)!));

/** Good enough for code that biome has formatted; `://` inside a text is no comment. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

/** `import … from`, `export … from`, `import '…'` and `import('…')`. */
function importsOf(from: string, text: string): readonly Import[] {
  const statements = text.matchAll(/^(?:import|export)\s+(?<names>[\w\s{},*$]*?)\s*from\s+'(?<path>[^']+)'/gm);
  const bare = text.matchAll(/^import\s+'(?<path>[^']+)'/gm);
  const late = text.matchAll(/\bimport\(\s*'(?<path>[^']+)'/g);
  return [...statements, ...bare, ...late].map(({ groups }) => {
    const { names = '', path = '' } = groups ?? {};
    const isOurs = path.startsWith('.');
    const to = isOurs ? join(dirname(from), path) : path;
    return { from, to, isOurs, isTypeOnly: isTypeOnly(names) };
  });
}

function isTypeOnly(names: string): boolean {
  if (/^type\s/.test(names)) return true;
  const list = /^\{(?<list>[\s\S]*)\}$/.exec(names)?.groups?.list;
  if (list === undefined) return false;
  const each = list.split(',').map((name) => name.trim());
  return each.every((name) => name === '' || name.startsWith('type '));
}

/** A folder and all below it, but no name that merely begins alike. */
function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isDoor(path: string): boolean {
  return path.endsWith('/index.ts');
}

/** The first rule whose folder holds the importer decides. Packages are rule 2's affair. */
const MAY_IMPORT: readonly (readonly [from: string, may: (to: string) => boolean])[] = [
  // Which the client shares.
  ['engine/contract', (to) => isBelow(to, 'engine/contract')],
  ['engine', (to) => isBelow(to, 'engine')],
  // The ports are made of the engine's own rows and facts, whose types its door does not show to everybody.
  ['snapshots', (to) => isBelow(to, 'snapshots') || isBelow(to, 'engine')],
  ['server', (to) => isBelow(to, 'server') || to === 'snapshots/index.ts' || isEngineDoor(to)],
  // A program of its own that starts servers and opens folders; the rest of client/ must run in a browser too.
  ['client/cli', (to) => isBelow(to, 'client') || isDoor(to) || isEngineDoor(to)],
  ['client/replay', (to) => isBelow(to, 'client') || isEngineDoor(to) || isWire(to)],
  ['client', (to) => isBelow(to, 'client') || to === 'engine/contract.ts' || isWire(to)],
  ['bench', (to) => isBelow(to, 'bench') || AREAS.some((area) => isBelow(to, area))],
];

function isEngineDoor(to: string): boolean {
  return to === 'engine/index.ts' || to === 'engine/contract.ts';
}

function isWire(to: string): boolean {
  return to === 'server/wire/index.ts';
}

function describeImports(imports: readonly Import[]): readonly string[] {
  return imports.map(({ from, to }) => `${from} imports ${to}`);
}

describe('who may import whom', () => {
  test('the files were read, and nearly all of them import something', () => {
    expect(FILES.length).toBeGreaterThan(100);
    expect(new Set(IMPORTS.map(({ from }) => from)).size).toBeGreaterThan(0.8 * FILES.length);
    const missing = IMPORTS.filter(({ to, isOurs }) => isOurs && !existsSync(join(ROOT, to)));
    expect(describeImports(missing)).toEqual([]);
  });

  test('every folder imports only what its rule names', () => {
    const wrong = IMPORTS.filter(({ from, to, isOurs }) => {
      const rule = MAY_IMPORT.find(([folder]) => isBelow(from, folder));
      return isOurs && rule?.[1](to) !== true;
    });
    expect(describeImports(wrong)).toEqual([]);
  });

  test('the engine uses no package but XState', () => {
    const packages = IMPORTS.filter(({ from, to, isOurs }) => isBelow(from, 'engine') && !isOurs && to !== 'xstate');
    expect(describeImports(packages)).toEqual([]);
  });

  test('the SDK and the wire run in a browser: nothing of Node', () => {
    const ofNode = IMPORTS.filter(
      ({ from, to }) => (isBelow(from, 'client/sdk') || isBelow(from, 'server/wire')) && to.startsWith('node:'),
    );
    expect(describeImports(ofNode)).toEqual([]);
  });

  test('a folder that has a door is entered through it', () => {
    const round = IMPORTS.filter(({ from, to, isOurs }) => {
      const folder = dirname(to);
      const hasDoor = isOurs && existsSync(join(ROOT, folder, 'index.ts'));
      return hasDoor && !isBelow(from, folder) && !isDoor(to) && !mayOpenAnything(from, to);
    });
    expect(describeImports(round)).toEqual(EXCEPTIONS);
  });

  test('no file imports itself, round about, in the program that runs', () => {
    expect(cyclesOf(IMPORTS.filter(({ isOurs, isTypeOnly }) => isOurs && !isTypeOnly))).toEqual([]);
  });
});

/** Round the door on purpose; each says why where it does it. */
const EXCEPTIONS = ['client/cli/verb.ts imports client/sdk/fault.ts'];

/** Whoever implements or measures the engine's inside sees it; the contract is everybody's. */
function mayOpenAnything(from: string, to: string): boolean {
  if (to === 'engine/contract.ts') return true;
  if (isBelow(to, 'engine')) return isBelow(from, 'engine') || isBelow(from, 'snapshots') || isBelow(from, 'bench');
  return isBelow(from, 'bench');
}

/** One line for each import that closes a circle, found in one walk in depth. */
function cyclesOf(imports: readonly Import[]): readonly string[] {
  const next = groupByFrom(imports);
  const [done, path, cycles] = [new Set<string>(), [] as string[], [] as string[]];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file].join(' -> '));
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const { to } of next.get(file) ?? []) visit(to);
    path.pop();
    done.add(file);
  };
  for (const file of FILES) visit(file);
  return cycles;
}

function groupByFrom(imports: readonly Import[]): ReadonlyMap<string, readonly Import[]> {
  const groups = new Map<string, Import[]>();
  for (const each of imports) groups.set(each.from, [...(groups.get(each.from) ?? []), each]);
  return groups;
}

describe('the engine is pure', () => {
  /** What would make two runs of the same facts differ, or reach outside. */
  const IMPURE = [
    /\bDate\.now\b/,
    /\bnew Date\(\s*\)/,
    /\bMath\.random\b/,
    /\bperformance\b/,
    /\bprocess\.\w/,
    /\bset(Timeout|Interval|Immediate)\(/,
    /\bqueueMicrotask\b/,
    /\bconsole\./,
    /\bfetch\(/,
    /\bcrypto\.\w/,
    /\bglobalThis\b/,
    /\bBuffer\b/,
    /\bIntl\b/,
    /\.toLocale\w*\(/,
    /\blocaleCompare\b/,
  ];

  test('no clock, no randomness, no I/O, nothing that depends on where it runs', () => {
    const found = FILES.filter((file) => isBelow(file, 'engine')).flatMap((file) =>
      IMPURE.filter((pattern) => pattern.test(TEXTS.get(file)!)).map((pattern) => `${file}: ${pattern.source}`),
    );
    expect(found).toEqual([]);
  });

  test('no variable outlives a call: nothing that changes stands at the top of a file', () => {
    const found = FILES.flatMap((file) =>
      [...TEXTS.get(file)!.matchAll(/^(?:export )?(?:let|var) .*/gm)].map(([line]) => `${file}: ${line}`),
    );
    expect(found).toEqual([]);
  });
});
