// Method: messages cut and changed anywhere by a seed, go through the threads as
// the server starts them (the compiled program, since a thread reads no TypeScript). What comes out is what went in, or a
// fault; and no thread outlives its message.
import {
  createMessage,
  encrypt,
  encryptSessionKey,
  enums,
  generateSessionKey,
  type PacketList,
  type PrivateKey,
  SymEncryptedIntegrityProtectedDataPacket,
} from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { type decrypting as Decrypting, encrypting, type Transform } from '../../server/pgp/index.ts';
import { bodyOf, row } from '../files/files.ts';
import { Random, seed } from '../support/random.ts';
import { collect, newPair, type Pair } from './keys.ts';

const { decrypting } = (await import(new URL('../../dist/server/pgp/index.js', import.meta.url).pathname)) as {
  decrypting: typeof Decrypting;
};

const ROWS = Buffer.from(Array.from({ length: 40 }, (_, at) => `${row({ id: `r${at}` })}\n`).join(''));

const died: unknown[] = [];
let pair: Pair;
let open: Transform;
beforeAll(async () => {
  pair = await newPair();
  open = openingWith(pair.privateKey);
});

const openingWith = (key: PrivateKey) => decrypting({ key, failed: (error) => died.push(error) });

async function messageOf(content: Uint8Array, { publicKey }: Pair = pair): Promise<Buffer> {
  return collect(encrypting(publicKey)(bodyOf(content, 10_000)));
}

/** What comes out, or the code of the fault. */
const outcomeOf = (message: Uint8Array, opening = open, size = 1_000) =>
  collect(opening(bodyOf(message, size))).catch((fault: { readonly code?: unknown }) => String(fault.code ?? fault));

test('what was encrypted comes out as it went in, in whatever pieces the message comes', async () => {
  const random = new Random(seed);
  const message = await messageOf(ROWS);
  expect(message.includes('978')).toBe(false);
  for (const size of [1 + random.below(40), 1_000, message.length]) {
    expect(await outcomeOf(message, open, size), `seed=${seed} size=${size}`).toEqual(ROWS);
  }
  expect(await outcomeOf(await messageOf(Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  expect(died).toEqual([]);
});

test('a compressed message is taken in only as fast as what it holds is taken away', async () => {
  const config = { preferredCompressionAlgorithm: enums.compression.zip };
  const compressing = await newPair({ config });
  const numbers = Uint32Array.from({ length: 300_000 }, (_, at) => Math.imul(at, 2_654_435_761));
  const content = Buffer.from(Buffer.from(numbers.buffer).toString('hex'));
  const binary = ReadableStream.from(bodyOf(content));
  const message = await createMessage({ binary });
  const encryptionKeys = compressing.publicKey;
  const encrypted = await collect(await encrypt({ message, encryptionKeys, format: 'binary', config }));
  expect(encrypted.length).toBeLessThan(0.7 * content.length);

  let [taken, given, aheadMax] = [0, 0, 0];
  const counted = async function* () {
    for await (const chunk of bodyOf(encrypted)) {
      taken += chunk.length;
      aheadMax = Math.max(aheadMax, taken - given);
      yield chunk;
    }
  };
  for await (const piece of openingWith(compressing.privateKey)(counted())) given += piece.length;
  expect(given).toBe(content.length);
  expect(aheadMax).toBeLessThan(524_288);
});

describe('is refused, and nothing hangs:', () => {
  test('what is no message for this key', async () => {
    const foreign = await messageOf(ROWS, await newPair());
    expect(await outcomeOf(foreign)).toBe('PGP_OTHER_KEY');
    const password = await encrypt({
      message: await createMessage({ binary: ROWS }),
      passwords: 'open sesame',
      format: 'binary',
    });
    const clear = (await createMessage({ binary: ROWS })).write() as Uint8Array;
    const message = await messageOf(ROWS);
    const others = [
      Buffer.alloc(0),
      ROWS,
      Buffer.alloc(3_000, 0xff),
      password,
      clear,
      Buffer.concat([message, message]),
    ];
    for (const [at, other] of others.entries()) expect(await outcomeOf(other), String(at)).toBe('PGP_INVALID');
  });

  test('a message cut anywhere, or with a bit changed where it means something', async () => {
    const random = new Random(seed);
    const message = await messageOf(ROWS.subarray(0, 1_000));
    for (let round = 0; round < 6; round += 1) {
      const bytes = random.below(message.length);
      expect(await outcomeOf(message.subarray(0, bytes)), `seed=${seed} bytes=${bytes}`).toMatch(/^PGP_/);
    }
    for (let round = 0; round < 16; round += 1) {
      // Half of them where the packets begin: the library reads those before it knows that they were changed.
      const at = random.below(round % 2 === 0 ? 150 : message.length);
      const changed = Uint8Array.from(message);
      changed[at]! ^= 1 << random.below(8);
      const outcome = await outcomeOf(changed);
      // A few bits mean nothing: the length of a number, the highest of a point. Then it is the message that was sent.
      if (typeof outcome !== 'string') expect(outcome, `seed=${seed} at=${at}`).toEqual(ROWS.subarray(0, 1_000));
      else expect(outcome, `seed=${seed} at=${at}`).toMatch(/^PGP_/);
    }
    expect(died).toEqual([]);
  });

  test('packets that the library never answers, though they are whole and unchanged', async () => {
    const literal = (await createMessage({ binary: ROWS })).packets.write() as Uint8Array;
    const withoutIntegrity = Uint8Array.from(literal);
    withoutIntegrity[0]! ^= 2;
    expect(await outcomeOf(await wrapped(literal))).toEqual(ROWS);
    expect(await outcomeOf(await wrapped(withoutIntegrity))).toBe('PGP_INVALID');
  });

  test('a packet that would have to be held whole', async () => {
    const literal = (await createMessage({ binary: ROWS })).packets.write() as Uint8Array;
    const signature = Buffer.alloc(6 + 20 * 1_048_576);
    signature.set([0xc2, 0xff]);
    signature.writeUInt32BE(signature.length - 6, 2);
    expect(await outcomeOf(await wrapped(Buffer.concat([literal, signature])), open, 65_536)).toBe('PGP_INVALID');
  });

  test('one that goes on for longer than any file', async () => {
    const message = await messageOf(ROWS);
    const tooLong = async function* () {
      yield message.subarray(0, 200);
      yield new Uint8Array(LIMITS.fileBytesMax);
    };
    await expect(collect(open(tooLong()))).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

/** An encrypted message of whatever packets, with a good integrity code. */
async function wrapped(packets: Uint8Array): Promise<Uint8Array> {
  const { publicKey } = pair;
  const sessionKey = await generateSessionKey({ encryptionKeys: publicKey });
  const message = await encryptSessionKey({ ...sessionKey, encryptionKeys: publicKey, format: 'object' });
  const sealed = new SymEncryptedIntegrityProtectedDataPacket() as unknown as Sealing;
  sealed.version = 1;
  sealed.packets = { write: () => packets };
  await sealed.encrypt(enums.symmetric[sessionKey.algorithm], sessionKey.data);
  const all = message.packets as unknown as PacketList<never>;
  all.push(sealed as never);
  return all.write() as Uint8Array;
}

interface Sealing {
  version: number;
  packets: { readonly write: () => Uint8Array };
  encrypt(algorithm: number, key: Uint8Array): Promise<void>;
}

test('who stops reading is let go, and what fails in the sending is told as it is', async () => {
  const message = await messageOf(Buffer.alloc(3_000_000, 'x'));
  for await (const piece of open(bodyOf(message))) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  const gone = async function* () {
    yield message.subarray(0, 100_000);
    throw new Error('gone');
  };
  await expect(collect(open(gone()))).rejects.toThrow('gone');
  expect(died).toEqual([]);
});
