// Method: cards come and go over several days; each day's list is made, fetched as an acquirer does, unpacked and held to
// the day rule. What a list is to hold is written down by hand.
import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { HttpServer } from './http-server.ts';

const PATH = '/rtd/payment-instrument-manager/hashed-pans';

let server: HttpServer;
let acquirer: string;
let citizen: string;
beforeAll(async () => {
  server = await HttpServer.open({ now: '2020-12-07T10:00:00+01:00' });
  acquirer = await server.token('acquirer', '36081');
  citizen = await server.token('citizen', makeTaxCode(1));
  await server.call('PUT', '/bpd/io/citizen/v2', { token: citizen });
});
afterAll(() => server.close());

const hpanOf = (name: string) => createHash('sha256').update(name).digest('hex');

async function set(method: 'PUT' | 'DELETE', ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = `/bpd/io/payment-instruments/${hpanOf(name)}`;
    expect((await server.call(method, path, { token: citizen })).status).toBeLessThan(300);
  }
}

async function fetched(): Promise<{ readonly hashes: readonly string[]; readonly location: string }> {
  const answer = await fetch(server.url + PATH, {
    headers: { authorization: `Bearer ${acquirer}` },
    redirect: 'manual',
  });
  expect(answer.status).toBe(302);
  const location = answer.headers.get('location')!;
  const response = await fetch(server.url + location);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/zip']);
  const zip = Buffer.from(await response.arrayBuffer());
  const sha256 = createHash('sha256').update(zip).digest('hex');
  expect([answer.headers.get('x-ms-meta-sha256'), response.headers.get('x-ms-meta-sha256')]).toEqual([sha256, sha256]);
  expect(Date.parse(answer.headers.get('last-modified')!)).toBeLessThanOrEqual(Date.now());
  return { hashes: unzipped(zip).split('\n').filter(Boolean), location };
}

/** The one file of a zip, by its central directory. */
function unzipped(zip: Buffer): string {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const central = zip.readUInt32LE(end + 16);
  const [packedBytes, local] = [zip.readUInt32LE(central + 20), zip.readUInt32LE(central + 42)];
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  return inflateRawSync(zip.subarray(start, start + packedBytes)).toString('utf8');
}

async function listOf(now: string): Promise<readonly string[]> {
  server.at(now);
  await server.hashLists.tick();
  return (await fetched()).hashes;
}

const hashesOf = (...names: readonly string[]) => names.map(hpanOf).sort();

test('each day’s list holds what was registered by the end of the day before, and not what ended before', async () => {
  expect((await server.call('GET', PATH, { token: acquirer })).status).toBe(404);
  await set('PUT', 'a', 'b');
  // Not before two o'clock: until then it is the list of the day before.
  expect(await listOf('2020-12-08T01:59:00+01:00')).toEqual([]);
  expect((await listOf('2020-12-08T02:00:00+01:00')).toSorted()).toEqual(hashesOf('a', 'b'));
  await set('PUT', 'c');
  await set('DELETE', 'a');
  // Made once a day: nothing of today is in it, whenever it is made.
  expect((await listOf('2020-12-08T23:00:00+01:00')).toSorted()).toEqual(hashesOf('a', 'b'));
  expect((await listOf('2020-12-09T09:00:00+01:00')).toSorted()).toEqual(hashesOf('b', 'c'));
});

test('there is a line for each card', async () => {
  const before = (await fetched()).hashes.length;
  const names = Array.from({ length: 40 }, (_, index) => `many ${index}`);
  await set('PUT', ...names);
  expect(await listOf('2020-12-10T03:00:00+01:00')).toHaveLength(before + names.length);
});

test('a link works once, and only a list’s', async () => {
  const { location } = await fetched();
  expect((await fetch(server.url + location)).status).toBe(404);
  expect((await fetch(`${server.url}/rtd/downloads/unknown`)).status).toBe(404);
  const token = await server.token('citizen', makeTaxCode(1));
  expect((await server.call('GET', PATH, { token })).status).toBe(403);
});
