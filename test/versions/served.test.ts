// Method: a real server with a file of features, and an app of an old version that stays connected through all of it: the
// file is changed, spoilt, and read again when an operator says so, and the engine is killed meanwhile.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askHttp } from '../../client/sdk/index.ts';
import { SDK_CLIENT } from '../../client/sdk/version.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { FEATURES, type FeaturesView } from '../../server/wire/index.ts';
import { Supervised } from '../support/supervised.ts';
import { onFrom, PolicyFile } from './policies.ts';

const NOW = '2020-12-07T10:00:00+01:00';
const OLD = 'ios/1.11.0';
let folder: string;
let file: PolicyFile;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-versions-'));
  file = new PolicyFile();
});
afterEach(async () => {
  await Supervised.stopAll();
  file.remove();
  rmSync(folder, { recursive: true });
});

test('R5: an old app that is connected can do what was switched on, and goes on being able to when the engine dies', async () => {
  file.write(onFrom('1.12.0', FEATURES, 'SERVICE_COMING'));
  const server = await Supervised.start({ folder, now: NOW, shards: 1, environment: { CLICKDAY_FEATURES: file.path } });
  const http = { url: server.url, token: await server.token('operator', 'ops') };
  const readAgain = () => askHttp(http, { method: 'POST', path: '/admin/features' });
  const app = await server.client('citizen', makeTaxCode(1), 20_000, OLD);
  const news = listening(app);
  const isOn = (view: FeaturesView | null) => view?.features.cashback.isOn;

  const refused = await app.change('enrol', {});
  expect(refused).toMatchObject({ ok: false, code: 'FEATURE_OFF', messageCode: 'SERVICE_COMING' });
  expect(app.features).toMatchObject({ client: OLD, features: { cashback: { isOn: false } } });

  file.write(onFrom('1.11.0', FEATURES));
  const told = news.next();
  expect((await readAgain()).status).toBe(200);
  expect(isOn(await told)).toBe(true);
  expect(await app.change('enrol', {})).toMatchObject({ ok: true });

  file.write({ minVersion: {} });
  expect(await readAgain()).toMatchObject({ status: 400, text: expect.stringContaining('minVersion.ios is missing') });
  const afterDeath = news.next();
  server.killEngine();
  await server.whenReady(2);
  expect(isOn(await afterDeath)).toBe(true);
  const pan = '9999000000000001';
  expect(await app.change('addMethod', { pan, details: { methodKind: 'card' } })).toMatchObject({ ok: true });
  app.close();
});

/** What an app hears of its features, one at a time. */
function listening(app: { onFeatures(listener: (view: FeaturesView) => void): unknown }) {
  let hear: (view: FeaturesView) => void = () => {};
  app.onFeatures((view) => hear(view));
  return {
    next: () =>
      new Promise<FeaturesView>((resolve) => {
        hear = resolve;
      }),
  };
}

test('the SDK says the version that its package has', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(SDK_CLIENT).toBe(`sdk/${version}`);
});
