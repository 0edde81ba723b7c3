// Method: each field of a good file is spoilt in turn, and the sentence must name it; versions are compared with a plain
// list in order, and ranges at their last version and the first one outside.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfiguration } from '../../server/config.ts';
import { clientOf, parseClient } from '../../server/versions/client-version.ts';
import { checkPolicy, EVERYTHING, includes, type Releases, readPolicy } from '../../server/versions/policy.ts';
import { Versions } from '../../server/versions/versions.ts';
import { minimum, onFrom, PolicyFile } from './policies.ts';

const file = new PolicyFile();
beforeAll(() => file.write(EVERYTHING));
afterAll(() => file.remove());

/** `path` of the good file replaced by `value`; undefined takes it away. */
function spoilt(path: string, value: unknown): unknown {
  const policy: unknown = structuredClone(onFrom('1.12.0', ['bancomat'], 'SERVICE_COMING'));
  const names = path.split('.');
  let place = policy as Record<string, unknown>;
  for (const name of names.slice(0, -1)) place = place[name] as Record<string, unknown>;
  if (value === undefined) delete place[names.at(-1)!];
  else place[names.at(-1)!] = value;
  return policy;
}

describe('the file of features', () => {
  test('a good one is taken as it is, and so is the built-in one, with which everything is on', () => {
    const good = onFrom('1.12.0', ['bancomat'], 'SERVICE_COMING');
    expect(checkPolicy(good)).toEqual({ ok: true, policy: good });
    expect(checkPolicy(EVERYTHING)).toEqual({ ok: true, policy: EVERYTHING });
  });

  test.each([
    ['minVersion', undefined, 'minVersion is missing'],
    ['minVersion.ios', '1.12', 'minVersion.ios is not a version such as 1.12.0'],
    ['minVersion.sdk', undefined, 'minVersion.sdk is missing'],
    ['minVersion.windows', '1.0.0', 'minVersion.windows is not a field of this file'],
    ['colour', 'red', 'colour is not a field of this file'],
    ['features', 'all', 'features is not an object'],
    ['features.bpay', undefined, 'features.bpay is missing'],
    ['features.bpay.message', 'NO_SUCH', 'features.bpay.message is not the code of a message'],
    ['features.bpay.clients.web', undefined, 'features.bpay.clients.web is missing'],
    ['features.bpay.clients.web', 'all', 'features.bpay.clients.web is not true, false, a list of versions or'],
    ['features.bpay.clients.web', [], 'features.bpay.clients.web is a list without a version'],
    ['features.bpay.clients.web', ['1.x'], 'features.bpay.clients.web.0 is not a version such as 1.12.0'],
    ['features.bpay.clients.web', {}, 'features.bpay.clients.web says neither from nor below'],
    ['features.bpay.clients.web', { from: '1' }, 'features.bpay.clients.web.from is not a version such as 1.12.0'],
    ['features.bpay.clients.web', { from: '2.0.0', below: '2.0.0' }, 'features.bpay.clients.web ends before it begins'],
    ['features.bpay.clients.web', { until: '2.0.0' }, 'features.bpay.clients.web.until is not a field of this file'],
  ])('with %s as %j is refused, and the field is named', (path, value, sentence) => {
    const checked = checkPolicy(spoilt(path, value));
    expect(checked.ok ? 'taken' : checked.problem).toContain(sentence);
  });

  test('a server does not start with a bad one, and says which and why', () => {
    const start = (environment: NodeJS.ProcessEnv, options = {}) =>
      readConfiguration(JSON.stringify({ data: 'd', port: 0, ...options }), environment).versions;
    expect(start({})).toEqual({ file: null, policy: EVERYTHING });
    expect(start({ CLICKDAY_FEATURES: file.path })).toEqual({ file: file.path, policy: EVERYTHING });
    file.write(spoilt('minVersion.ios', 'new'));
    expect(() => start({ CLICKDAY_FEATURES: file.path })).toThrow(/features.json: minVersion.ios is not a version/);
    expect(() => start({}, { features: `${file.path}.no` })).toThrow('cannot be read');
    // Which the process before it had: the file is the operator's again when he says so.
    expect(start({ CLICKDAY_FEATURES: file.path }, { policy: minimum('1.2.3') }).policy).toEqual(minimum('1.2.3'));
    writeFileSync(file.path, '{');
    expect(readPolicy(file.path)).toEqual({ ok: false, problem: 'is not JSON' });
    writeFileSync(file.path, ' '.repeat(70_000));
    expect(readPolicy(file.path)).toEqual({ ok: false, problem: 'is larger than 65536 bytes' });
  });
});

describe('versions', () => {
  const ORDER = [
    '0.0.9',
    '0.1.0',
    '0.9.9',
    '0.10.0',
    '1.0.0',
    '1.2.0',
    '1.11.9',
    '1.12.0',
    '1.12.1',
    '2.0.0',
    '10.0.0',
  ];

  test('are in the order of their numbers, not of their letters', () => {
    const versionOf = (text: string) => parseClient(`ios/${text}`)!.version;
    ORDER.forEach((from, at) => {
      const included = ORDER.filter((text) => includes({ from }, versionOf(text)));
      expect(included).toEqual(ORDER.slice(at));
      expect(ORDER.filter((text) => includes({ below: from }, versionOf(text)))).toEqual(ORDER.slice(0, at));
    });
  });

  test.each<[Releases, string, boolean]>([
    [true, '0.0.0', true],
    [false, '9.9.9', false],
    [['1.12.0', '1.12.2'], '1.12.2', true],
    [['1.12.0', '1.12.2'], '1.12.1', false],
    [{ from: '1.10.0', below: '1.12.0' }, '1.11.999', true],
    [{ from: '1.10.0', below: '1.12.0' }, '1.12.0', false],
    [{ from: '1.10.0', below: '1.12.0' }, '1.9.999', false],
  ])('%j of %s: %s', (releases, text, isIn) => {
    expect(includes(releases, parseClient(`ios/${text}`)!.version)).toBe(isIn);
  });

  test.each([
    ['ios/1.12.0', 'ios', [1, 12, 0]],
    ['android.1.12.0', 'android', [1, 12, 0]],
    ['sdk/2', 'sdk', [2, 0, 0]],
    ['web/2.1', 'web', [2, 1, 0]],
    // A build and a candidate are taken for the release.
    ['ios/1.12.0.3', 'ios', [1, 12, 0]],
    ['ios/1.12.0-rc.1', 'ios', [1, 12, 0]],
    ['ios/1.12.0+build.7', 'ios', [1, 12, 0]],
  ])('%s is read', (text, platform, version) => {
    expect(parseClient(text)).toEqual({ platform, version, text: `${platform}/${version.join('.')}` });
  });

  test.each([
    '',
    'ios',
    'ios/',
    'ios/x',
    'windows/1.0.0',
    '1.12.0',
    'IOS/1.0.0',
    `ios/${'9'.repeat(7)}`,
    'ios/1.0.0 x',
  ])('%j says nothing, and its client is unknown', (text) => expect(parseClient(text)).toBeNull());

  test('a header is believed before a subprotocol', () => {
    const asking = (header?: string) => ({ header: () => header, protocols: ['x', 'client.web.1.0.0'] });
    expect(clientOf(asking())).toMatchObject({ platform: 'web' });
    expect(clientOf(asking('ios/1.0.0'))).toMatchObject({ platform: 'ios' });
    expect(clientOf({ header: () => undefined })).toBeNull();
  });

  test('a stranger who invents them fills no memory, and each still gets what is its own', () => {
    const versions = new Versions({ policy: onFrom('1.0.500', ['card']), file: null });
    for (let patch = 0; patch < 3_000; patch += 1) {
      const access = versions.accessOf(parseClient(`ios/1.0.${patch}`));
      expect(access.refusalOf('card') === null).toBe(patch >= 500);
    }
  });
});
