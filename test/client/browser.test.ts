// Method: the SDK is bundled as for a browser and run where there is nothing but what browsers have: no `require`, no
// `process`, no `Buffer`. It speaks to a real server there, in both subprotocols.
import { createContext, runInContext } from 'node:vm';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { GOOD_TOKEN, type ProtocolServer, startProtocolServer } from './protocol-server.ts';

/** It was 189 kB, not minified, when this was written. */
const BYTES_MAX = 250_000;

let server: ProtocolServer;
let code: string;

beforeAll(async () => {
  server = await startProtocolServer();
  const bundle = await rolldown({
    input: new URL('../../client/sdk/index.ts', import.meta.url).pathname,
    platform: 'browser',
    onLog: (_, log) => {
      throw new Error(log.message); // Such as an import that no browser can resolve.
    },
  });
  const { output } = await bundle.generate({ format: 'iife', name: 'clickday' });
  expect(output).toHaveLength(1);
  code = output[0].code;
});

afterAll(() => server.close());

/** The globals of a page, and the page's own program. */
function runInPage<T>(program: string): Promise<T> {
  const globals = { WebSocket, URL, TextDecoder, TextEncoder, atob, crypto, performance, setTimeout, clearTimeout };
  const page = createContext({ ...globals, ArrayBuffer, Uint8Array });
  return runInContext(`${code}\n(async () => {${program}})()`, page) as Promise<T>;
}

test('has nothing that a browser lacks, and is small', () => {
  expect(code).not.toMatch(/\bfrom\s*['"]node:|\brequire\(\s*['"]/);
  expect(code.length).toBeLessThan(BYTES_MAX);
});

test.each(['msgpack', 'json'])('speaks %s there', async (format) => {
  const told = await runInPage(`
    const entries = new Map();
    const storage = {
      getItem: (key) => entries.get(key) ?? null,
      setItem: (key, value) => entries.set(key, value),
      removeItem: (key) => entries.delete(key),
    };
    const outbox = clickday.storageOutbox(storage, 'anna');
    const client = clickday.ClickdayClient.open({
      ...{ url: ${JSON.stringify(server.url)}, token: '${GOOD_TOKEN}', format: '${format}', outbox },
    });
    const reply = await client.change('enrol', {});
    const { is } = client.state;
    client.close();
    return JSON.stringify({ ok: reply.ok, is });
  `);
  expect(told).toBe('{"ok":true,"is":"connected"}');
});
