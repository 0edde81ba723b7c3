// Method: encrypted files before a door that remembers every row it was told, cut and changed by a seed. Either all rows
// are taken, or none.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FileIngestOptions, FileReport } from '../../server/files/index.ts';
import { encrypting, type Transform } from '../../server/pgp/index.ts';
import { decryptedPieces } from '../../server/pgp/message.ts';
import { collect, newPair, type Pair } from '../pgp/keys.ts';
import { Random, seed } from '../support/random.ts';
import { bodyOf, ENCRYPTED_NAME, FILE_NAME, ingesterOver, RecordingDoor, row, SENDER } from './files.ts';

const COUNT = 1_200;
const CONTENT = Array.from({ length: COUNT }, (_, at) => `${row({ id: `r${at}` })}\n`).join('');

let folder: string;
let pair: Pair;
let message: Buffer;
/** On this thread; how the server has others do it is for test/pgp. */
let decrypting: Transform;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-encrypted-'));
  pair = await newPair();
  message = await encrypted(CONTENT);
  decrypting = (bytes) => decryptedPieces(bytes, pair.privateKey);
});
afterAll(() => rm(folder, { recursive: true }));

const encrypted = (content: string | Uint8Array) => collect(encrypting(pair.publicKey)(bodyOf(content)));

interface Sent {
  readonly name?: string;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly options?: Partial<FileIngestOptions>;
}

/** What it was told, and how many rows were taken. */
async function send({ name = ENCRYPTED_NAME, body = bodyOf(message), options = { decrypting } }: Sent) {
  const door = new RecordingDoor();
  const report = await ingesterOver(door, folder, options).ingest({ name, sender: SENDER, body });
  return { report: report.ok ? (report as FileReport).summary : report.code, taken: door.taken.length };
}

test('an encrypted file is taken as any other, and nothing of it stays', async () => {
  expect(await send({})).toMatchObject({ report: { file: ENCRYPTED_NAME, rows: COUNT, counted: COUNT }, taken: COUNT });
  expect(await readdir(folder)).toEqual([]);
  expect(await send({ name: FILE_NAME, body: bodyOf(CONTENT) })).toMatchObject({ report: { counted: COUNT } });
});

test('its name decides what it is, and a name of another sender is refused first', async () => {
  expect(await send({ name: FILE_NAME })).toEqual({ report: 'ENCODING_INVALID', taken: 0 });
  expect(await send({ body: bodyOf(CONTENT) })).toEqual({ report: 'PGP_INVALID', taken: 0 });
  const other = ENCRYPTED_NAME.replace(SENDER, '12345');
  expect(await send({ name: other, options: {} })).toEqual({ report: 'FORBIDDEN', taken: 0 });
});

test('without a key it is refused as such; where encryption is required, a file in clear is', async () => {
  expect(await send({ options: {} })).toEqual({ report: 'PGP_NOT_CONFIGURED', taken: 0 });
  const options = { decrypting, isEncryptionRequired: true };
  const clear = { name: FILE_NAME, body: bodyOf(CONTENT) };
  expect(await send({ ...clear, options })).toEqual({ report: 'PGP_REQUIRED', taken: 0 });
  expect(await send({ options })).toMatchObject({ taken: COUNT });
});

test('cut, changed, or encrypted for another key, it is refused, and no row of it is taken', async () => {
  const random = new Random(seed);
  const foreign = await collect(encrypting((await newPair()).publicKey)(bodyOf(CONTENT)));
  expect(await send({ body: bodyOf(foreign) })).toEqual({ report: 'PGP_OTHER_KEY', taken: 0 });
  const ends = [0, 1, message.length - 1, ...Array.from({ length: 20 }, () => random.below(message.length))];
  for (const end of ends) {
    const sent = await send({ body: bodyOf(message.subarray(0, end)) });
    expect(sent, `seed=${seed} end=${end}`).toEqual({ report: 'PGP_INVALID', taken: 0 });
  }
  for (let round = 0; round < 20; round += 1) {
    // Behind the packets' own heads, where the library may never answer: see test/pgp.
    const at = 200 + random.below(message.length - 200);
    const changed = Uint8Array.from(message);
    changed[at]! ^= 1 << random.below(8);
    const sent = await send({ body: bodyOf(changed) });
    expect(sent, `seed=${seed} at=${at}`).toEqual({ report: 'PGP_INVALID', taken: 0 });
  }
  expect(await readdir(folder)).toEqual([]);
});

test('what it holds has the limits of any file', async () => {
  const options = { decrypting, bytesMax: CONTENT.length - 1 };
  expect(await send({ options })).toEqual({ report: 'TOO_LARGE', taken: 0 });
  const latin = await encrypted(Buffer.from(`${CONTENT}è`, 'latin1'));
  expect(await send({ body: bodyOf(latin) })).toEqual({ report: 'ENCODING_INVALID', taken: 0 });
});

test('a server that stops says so, not that the file was cut', async () => {
  const stop = new AbortController();
  const body = (async function* () {
    yield message.subarray(0, 1_000);
    stop.abort();
    yield message.subarray(1_000);
  })();
  expect(await send({ body, options: { decrypting, stopping: stop.signal } })).toEqual({
    report: 'DRAINING',
    taken: 0,
  });
});
