// Method: methods are written in every form in which a client can say them, on a folder of the format before, by a server
// that keeps to it and then by today's; each is read in every form, and must be the same method, under the same id.
import { afterEach, beforeEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { ClickdayClient, newCommandId, type SocketConstructor } from '../../client/sdk/index.ts';
import { italy2020, type MethodKind, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { CLIENT_HEADER } from '../../server/wire/index.ts';
import { PROGRAM, Victim } from '../kill/victim.ts';
import { hpan, instant } from '../support/world.ts';
import { readFixture, unpack } from '../upgrade/fixture.ts';
import { NOW, SHARD_COUNT } from '../upgrade/history.ts';

const nodeSocket = WebSocket as unknown as SocketConstructor;
const CHANNEL = '12345';
/** Enrolled in the folder, with a method listed by the program that wrote it. */
const CITIZEN = makeTaxCode(20);
const OLD = 'ios/1.11.0';
const NEW = 'ios/1.13.0';

/** Of the program before this one. */
const FORMAT_BEFORE = 2;

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = unpack(readFixture(FORMAT_BEFORE)));
});
afterEach(() => remove());

/** What of a method must be the same, however it is read. */
type Seen = ReadonlyMap<string, { readonly id: number | null; readonly kind: string; readonly digits: string }>;

type Sign = (role: 'citizen' | 'issuer') => Promise<string>;

class Server {
  readonly #victim: Victim;
  readonly #url: string;
  readonly #sign: Sign;

  private constructor(victim: Victim, url: string, sign: Sign) {
    this.#victim = victim;
    this.#url = url;
    this.#sign = sign;
  }

  static async start(hours: number, keepFormat: boolean): Promise<Server> {
    const now = new Date(instant(NOW) + hours * 3_600_000).toISOString();
    const options = { program: PROGRAM, shards: SHARD_COUNT, programme: 'italy-2020', killAt: '', checkpointRows: 20 };
    const victim = new Victim({ ...options, folder, now, keepFormat });
    const url = await victim.url;
    if (url === undefined) throw new Error(victim.errors);
    const { sign } = await openFolderIdentity(folder);
    const subjects = { citizen: CITIZEN, issuer: CHANNEL };
    return new Server(victim, url, (role) => sign({ role, subject: subjects[role], ttlSeconds: 600 }));
  }

  async stop(): Promise<void> {
    expect(await this.#victim.stop(), this.#victim.errors).toBe('0');
  }

  async socket<T>(format: 'msgpack' | 'json', client: string, use: (line: ClickdayClient) => Promise<T>): Promise<T> {
    const token = await this.#sign('citizen');
    const line = await ClickdayClient.connect({ url: this.#url, token, format, client, WebSocket: nodeSocket });
    return use(line).finally(() => line.close());
  }

  async http(
    role: 'citizen' | 'issuer',
    method: string,
    path: string,
    client: string,
    { body, headers = {} }: { readonly body?: object; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        authorization: `Bearer ${await this.#sign(role)}`,
        [CLIENT_HEADER]: client,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect([path, response.status, text]).toEqual([path, 200, expect.any(String)]);
    return JSON.parse(text);
  }
}

interface Resource {
  readonly idWallet: number;
  readonly walletType: string;
  readonly info: { readonly hashPan: string; readonly blurredNumber: string };
}

/** How a client writes a method, and which one it is then. */
const WRITERS: readonly (readonly [string, (server: Server, pan: string, client: string) => Promise<string>])[] = [
  ...(['msgpack', 'json'] as const).map(
    (format) =>
      [
        `WebSocket, ${format}`,
        (server: Server, pan: string, client: string) =>
          server.socket(format, client, async (line) => {
            const reply = await line.change('addMethod', { pan, details: { methodKind: 'card' } }, newCommandId());
            return (reply.ok && reply.answer.hpan) || 'not added';
          }),
      ] as const,
  ),
  [
    'POST /v1/wallet/cc',
    async (server, pan, client) => {
      const creditCard = { pan, expireMonth: '07', expireYear: '24' };
      const added = await server.http('citizen', 'POST', '/v1/wallet/cc', client, { body: { data: { creditCard } } });
      return (added as { readonly data: readonly Resource[] }).data[0]!.info.hashPan;
    },
  ],
  [
    'POST /v1/cobadge/add-wallets',
    async (server, pan, client) => {
      const info = { hashPan: hashOf(pan), blurredNumber: pan.slice(-4) };
      await server.http('citizen', 'POST', '/v1/cobadge/add-wallets', client, { body: { data: [{ info }] } });
      return info.hashPan;
    },
  ],
  [
    'PUT /bpd/hb/payment-instruments/card',
    async (server, pan, client) => {
      const path = '/bpd/hb/payment-instruments/card';
      const body = { id: pan, fiscalCode: CITIZEN, channel: CHANNEL };
      await server.http('issuer', 'PUT', path, client, { body });
      return hashOf(pan);
    },
  ],
];

const WALLET_KINDS: Record<MethodKind, string> = {
  card: 'Card',
  bancomat: 'Bancomat',
  satispay: 'Satispay',
  bpay: 'BPay',
  cobadge: 'Card',
  privative: 'Private',
};

/** How a client reads them. */
const READERS: readonly (readonly [string, (server: Server, client: string) => Promise<Seen>])[] = [
  ...(['msgpack', 'json'] as const).map(
    (format) => [`WebSocket, ${format}`, (server: Server, client: string) => seenBy(server, format, client)] as const,
  ),
  ...['/v1/wallet', '/v2/wallet'].map(
    (path) =>
      [
        path,
        async (server: Server, client: string) => {
          const { data } = (await server.http('citizen', 'GET', path, client)) as {
            readonly data: readonly Resource[];
          };
          return new Map(
            data.map(({ idWallet: id, walletType: kind, info }) => [
              info.hashPan,
              { id, kind, digits: info.blurredNumber },
            ]),
          );
        },
      ] as const,
  ),
];

async function seenBy(server: Server, format: 'msgpack' | 'json', client: string): Promise<Seen> {
  return server.socket(format, client, async (line) => {
    const reply = await line.read('wallet', {});
    if (!reply.ok) throw new Error(reply.code);
    return new Map(
      reply.view.methods.flatMap(({ hpan: hash, details }) => {
        if (details === null) return [];
        return [[hash, { id: null, kind: WALLET_KINDS[details.methodKind], digits: details.lastDigits }] as const];
      }),
    );
  });
}

function hashOf(pan: string): string {
  return hashPan(pan, italy2020().panSalt);
}

/** In every form, by a client of before and one to come; without `id`, which the WebSocket does not have. */
async function seenInAllForms(server: Server): Promise<Seen> {
  let whole: Seen | null = null;
  for (const client of [OLD, NEW]) {
    for (const [form, read] of READERS.toReversed()) {
      const seen = await read(server, client);
      whole ??= seen;
      const expected = [...whole].map(([hash, { id, ...method }]) => {
        return [hash, { ...method, id: form.startsWith('WebSocket') ? null : id }] as const;
      });
      expect(new Map(seen), form).toEqual(new Map(expected));
    }
  }
  return whole!;
}

/** What an issuer enrolled, as its app of either version and the citizen's read it. */
async function instrumentInAllForms(server: Server, pan: string): Promise<void> {
  const path = '/bpd/hb/payment-instruments';
  const read = [
    await server.http('issuer', 'GET', `${path}/${pan}`, OLD),
    await server.http('issuer', 'GET', `${path}/v2`, NEW, { headers: { id: pan } }),
    await server.http('citizen', 'GET', `/bpd/io/payment-instruments/${hashOf(pan)}`, OLD),
  ];
  expect(read[0]).toMatchObject({ hpan: hashOf(pan), fiscalCode: CITIZEN, Status: 'ACTIVE' });
  for (const other of read) expect(other).toEqual(read[0]);
}

async function writeInAllForms(server: Server, firstPan: number, client: string): Promise<readonly string[]> {
  const written: string[] = [];
  for (const [index, [form, write]] of WRITERS.entries()) {
    const pan = String(firstPan + index);
    const hash = await write(server, pan, client);
    expect(hash, form).toBe(hashOf(pan));
    // Typed in again, it is the card that is there (R4).
    expect(await write(server, pan, client), form).toBe(hash);
    written.push(hash);
  }
  await instrumentInAllForms(server, String(firstPan + WRITERS.length - 1));
  return written;
}

const FIRST_PAN = 9999_0000_0000_1000;

test('R3: a method that one version wrote is the same, with the same id, for every version that reads, over restarts', async () => {
  const before = await Server.start(1, true);
  const inherited = await seenInAllForms(before);
  expect([...inherited.keys()]).toEqual([hpan(20)]);
  const byOld = await writeInAllForms(before, FIRST_PAN, OLD);
  const seenBefore = await seenInAllForms(before);
  expect(new Set(seenBefore.keys())).toEqual(new Set([hpan(20), ...byOld]));
  await before.stop();

  const today = await Server.start(2, false);
  expect(await seenInAllForms(today)).toEqual(seenBefore);
  const byNew = await writeInAllForms(today, FIRST_PAN + 100, NEW);
  const seenToday = await seenInAllForms(today);
  expect(new Set(seenToday.keys())).toEqual(new Set([hpan(20), ...byOld, ...byNew]));
  // A client of before types its cards in again, as citizens had to: they are there (R4).
  await writeInAllForms(today, FIRST_PAN, OLD);
  expect(await seenInAllForms(today)).toEqual(seenToday);
  await today.stop();

  const again = await Server.start(3, false);
  expect(await seenInAllForms(again)).toEqual(seenToday);
  for (const firstPan of [FIRST_PAN, FIRST_PAN + 100]) {
    await instrumentInAllForms(again, String(firstPan + WRITERS.length - 1));
  }
  await again.stop();
});
