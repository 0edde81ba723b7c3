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

export const strykerPlugins = [{ kind: 'Ignore', name: 'messages', value: { shouldIgnore } }];

function shouldIgnore({ node, parent, listKey, key }: Path): string | undefined {
  const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral';
  if (!isText || listKey !== 'arguments' || parent?.callee?.type !== 'Identifier') return undefined;
  const isMessage = parent.type === 'NewExpression' || (parent.callee.name === 'invariant' && key === 1);
  return isMessage ? 'a message' : undefined;
}
