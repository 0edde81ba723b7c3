/** `clickday backup`: a named, consistent cut of a data folder, whether an engine works in it or not. */
import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import type { BackupState } from '../../server/index.ts';
import { BackupWriter, type MadeCut, openAtRest } from '../../snapshots/index.ts';
import { counted } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { askHttp } from '../sdk/index.ts';
import { LINE_ARGUMENTS, type LineOptions, tokenFor } from './line.ts';
import { JSON_ARGUMENT, print, printJson, refusalFault, VerbFault } from './verb.ts';

const POLL_MS = 100;

export const backup = defineCommand({
  meta: {
    name: 'backup',
    description:
      'Add a named cut to a backup; what is there is not copied again. Asks the server that works in --data; takes it ' +
      'at rest where there is none.',
  },
  args: {
    folder: {
      type: 'positional',
      description: "the backup; of a server, on the server's machine",
      required: true,
      valueHint: 'DIR',
    },
    keys: { type: 'string', description: 'for the keys, apart; by default DIR.keys', valueHint: 'DIR' },
    name: { type: 'string', description: 'of the cut; by default the time', valueHint: 'NAME' },
    base: {
      type: 'boolean',
      description:
        'copy the rows, too: a restore folds only what comes after; by default where much has come since the last',
    },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const asked: Asked = {
      folder: resolve(args.folder),
      ...(args.keys === undefined ? {} : { keys: resolve(args.keys) }),
      ...(args.name === undefined ? {} : { name: args.name }),
      base: args.base === true,
    };
    const made = (await takeAtRest(asked, args)) ?? (await askServer(asked, args));
    if (args.json) printJson(made);
    else print(report(made));
  },
});

interface Asked {
  readonly folder: string;
  readonly keys?: string;
  readonly name?: string;
  readonly base: boolean;
}

interface Made {
  readonly folder: string;
  readonly keys: string;
  readonly isAtRest: boolean;
  readonly cut: MadeCut;
}

/** Null where an engine works in the folder, or a token says that a server is to be asked. */
async function takeAtRest({ folder, keys, name, base }: Asked, { data, token }: LineOptions): Promise<Made | null> {
  if (token !== undefined) return null;
  const atRest = await openAtRest(data).catch((fault: { readonly code?: unknown }) => {
    if (fault.code === 'FOLDER_IN_USE') return null;
    throw fault;
  });
  if (atRest === null) return null;
  try {
    const writer = await BackupWriter.open({ source: atRest.source, folder, keys });
    try {
      const cut = await writer.cut(name, new Date(), base ? 'always' : 'due');
      return { folder, keys: writer.keys, isAtRest: true, cut };
    } finally {
      await writer.close();
    }
  } finally {
    await atRest.close();
  }
}

async function askServer(asked: Asked, options: LineOptions): Promise<Made> {
  const http = { url: options.url, token: await tokenFor(options, 'operator', 'backup') };
  const begun = await call(http, 'POST', JSON.stringify(asked));
  for (let now = begun; ; now = await call(http, 'GET')) {
    if (now.number !== begun.number) throw new VerbFault(1, 'another backup was begun since: ask again');
    const { state, cut, keys, code = '', message = '' } = now;
    if (state === 'failed') throw new VerbFault(1, `${code}: ${message}`);
    if (cut !== undefined && keys !== undefined) return { folder: asked.folder, keys, isAtRest: false, cut };
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

async function call(
  http: { readonly url: string; readonly token: string },
  method: 'GET' | 'POST',
  body?: string,
): Promise<BackupState> {
  const path = '/admin/backups';
  const { text } = await askHttp(http, { method, path, ...(body === undefined ? {} : { body }) });
  const answer = JSON.parse(text) as {
    readonly backup?: BackupState;
    readonly name?: string;
    readonly detail?: string;
  };
  if (answer.backup === undefined) throw refusalFault(answer.name ?? 'UNKNOWN', 'no backup was begun', answer.detail);
  return answer.backup;
}

function report({ folder, keys, isAtRest, cut }: Made): string {
  const records = counted(
    cut.vector.reduce((sum, sequence) => sum + sequence, 0),
    'record',
  );
  return [
    `cut ${cut.name} in ${folder}${isAtRest ? '' : ', of a running server'}`,
    `  ${records} up to ${romeMoment(cut.lastMs)}, sequences ${cut.vector.join(' ')}`,
    ...(cut.hasBase ? ['  with a base of rows: a restore folds what comes after it'] : []),
    ...(cut.baseFault === null ? [] : [`  a base of rows was due and could not be made: ${cut.baseFault}`]),
    `  keys are in ${keys}: keep them elsewhere; without them the backup names nobody, and cannot be restored`,
  ].join('\n');
}
