/** Leaves the words alone with which the program stops or complains: nobody decides anything by them. */

/** As much of Babel's path as is looked at. */
interface Path {
  readonly node: { readonly type: string };
  readonly parent: {
    readonly type: string;
    readonly callee?: { readonly type: string; readonly name?: string };
  } | null;
  readonly listKey?: string;
  readonly key: string | number | null;
}

/** Whose argument a person reads, and which: codes are others. */
const MESSAGES: ReadonlySet<string> = new Set([
  'invariant 1',
  'damaged 0',
  'damaged 1',
  'StorageFault 1',
  'MalformedBytes 0',
  'BrokenInvariant 0',
  'Error 0',
]);

export const strykerPlugins = [{ kind: 'Ignore', name: 'messages', value: { shouldIgnore } }];

function shouldIgnore({ node, parent, listKey, key }: Path): string | undefined {
  const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral';
  if (!isText || listKey !== 'arguments' || parent?.callee?.type !== 'Identifier') return undefined;
  return MESSAGES.has(`${parent.callee.name} ${key}`) ? 'a message' : undefined;
}
