/** How the verbs reach a server: its address, and a token made with the key of its data folder. */
import { existsSync } from 'node:fs';
import type { ArgsDef } from 'citty';
import WebSocket from 'ws';
import type { Role } from '../../engine/contract.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { BEARER_PREFIX } from '../../server/wire/index.ts';
import { ClickdayClient, type SocketConstructor } from '../sdk/index.ts';
import { VerbFault } from './verb.ts';

const URL_DEFAULT = 'http://127.0.0.1:8080';
export const DATA_DEFAULT = './data';
/** A command takes seconds; a token that outlives it is a risk without a use. */
const TTL_SECONDS = 300;

export const LINE_ARGUMENTS = {
  url: { type: 'string', description: 'where the server listens', valueHint: 'URL', default: URL_DEFAULT },
  data: {
    type: 'string',
    description: 'its data folder, whose key signs the token',
    valueHint: 'DIR',
    default: DATA_DEFAULT,
  },
  token: { type: 'string', description: 'a ready-made token instead (or CLICKDAY_TOKEN)', valueHint: 'JWT' },
} as const satisfies ArgsDef;

export interface LineOptions {
  readonly url: string;
  readonly data: string;
  readonly token?: string | undefined;
}

/** Rejects with IdentityFault SUBJECT_INVALID for a subject that the role cannot have. */
export async function tokenFor(options: LineOptions, role: Role, subject: string): Promise<string> {
  const given = options.token ?? process.env.CLICKDAY_TOKEN;
  if (given !== undefined && given !== '') return given;
  // A key made here would open no door: the server reads the one that is there when it starts.
  if (!existsSync(options.data)) {
    throw new VerbFault(
      1,
      `there is no data folder ${options.data}`,
      "name the running server's with --data, or start one: npm start",
    );
  }
  const { sign } = await openFolderIdentity(options.data);
  return sign({ role, subject, ttlSeconds: TTL_SECONDS });
}

/** Connects, lets `use` ask, and hangs up. One try: a person wants to know at once that nobody answers. */
export async function withClient<T>(
  options: LineOptions,
  role: Role,
  subject: string,
  use: (client: ClickdayClient) => Promise<T>,
): Promise<T> {
  const token = await tokenFor(options, role, subject);
  const client = await ClickdayClient.connect({ url: options.url, token, WebSocket: nodeSocket() });
  return use(client).finally(() => client.close());
}

/** Says who it is as programs do: a token among the subprotocols is a browser's, and may need a page that is listed (faults 58). */
class ProgramSocket extends WebSocket {
  constructor(url: string, protocols: readonly string[]) {
    const bearer = protocols.find((protocol) => protocol.startsWith(BEARER_PREFIX))!;
    const authorization = `Bearer ${bearer.slice(BEARER_PREFIX.length)}`;
    super(
      url,
      protocols.filter((protocol) => protocol !== bearer),
      { headers: { authorization } },
    );
  }
}

/** `ws` implements the standard interface; only its own types are narrower. */
export function nodeSocket(): SocketConstructor {
  return ProgramSocket as unknown as SocketConstructor;
}
