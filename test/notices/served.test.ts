// Method: a real server with a real message service; the engine is killed when the service has a letter and has not yet
// answered, and the next one delivers it again. A citizen who is connected sees it come.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askHttp } from '../../client/sdk/index.ts';
import { makeTaxCode } from '../../engine/index.ts';
import type { TopicPush } from '../../server/wire/index.ts';
import { Supervised } from '../support/supervised.ts';
import { Webhook } from './webhook.ts';

let folder: string;
let webhook: Webhook;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-notices-'));
  webhook = new Webhook();
});
afterEach(async () => {
  await Supervised.stopAll();
  await webhook.close();
  rmSync(folder, { recursive: true });
});

test('what a killed engine was delivering, the next one delivers again, under the same key', async () => {
  const environment = { CLICKDAY_NOTICES_URL: await webhook.listen(), CLICKDAY_NOTICES_KEY: 'secret' };
  const server = await Supervised.start({ folder, now: '2020-12-10T10:00:00+01:00', shards: 2, environment });
  const app = await server.client('citizen', makeTaxCode(1), 20_000);
  await app.change('enrol', {});
  app.close();

  webhook.answers.push('silent');
  const http = { url: server.url, token: await server.token('operator', 'ops') };
  const first = webhook.next();
  const queued = await askHttp(http, { method: 'POST', path: '/admin/notices/missing-iban' });
  expect(JSON.parse(queued.text)).toEqual({ queued: [{ run: 'missingIban', awardPeriodId: 1, noticeCount: 1 }] });
  const { key, subscription, body } = await first;
  expect([subscription, body.fiscalCode, body.kind]).toEqual(['secret', makeTaxCode(1), 'missingIban']);
  const second = webhook.next();
  server.killEngine();
  expect(await second).toEqual({ key, subscription, body });
  await server.whenReady(2);
});

test('a citizen who is connected sees what is delivered, without the tax code: a phone knows whose it is', async () => {
  const environment = { CLICKDAY_NOTICES_URL: await webhook.listen() };
  const server = await Supervised.start({ folder, now: '2020-12-10T10:00:00+01:00', shards: 2, environment });
  const app = await server.client('citizen', makeTaxCode(1), 20_000);
  await app.change('enrol', {});
  let see: (push: TopicPush) => void = () => {};
  const seen = new Promise<TopicPush>((resolve) => {
    see = resolve;
  });
  await app.subscribe(['notices'], see);

  const http = { url: server.url, token: await server.token('operator', 'ops') };
  await askHttp(http, { method: 'POST', path: '/admin/notices/missing-iban' });
  const push = await seen;
  const { fiscalCode: _, ...view } = webhook.received[0]!.body;
  expect(push).toEqual({ push: 'notices', view });
  app.close();
});
