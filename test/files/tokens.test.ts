// Method: lists of device tokens go into a real engine on one store and on three, whose citizens hold the cards; a plain map
// says whose each token must be. In the end the inspector, which shares no code with the engine, judges every fact and row.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { makeTaxCode, romeDayNumber } from '../../engine/programme/index.ts';
import { ErrorDesk, type LineTakers } from '../../server/errors/index.ts';
import { createFileIngester, type FileIngester, type FileIngestOptions } from '../../server/files/index.ts';
import type { TokenReport } from '../../server/files/tokens.ts';
import { encrypting } from '../../server/pgp/index.ts';
import { decryptedPieces } from '../../server/pgp/message.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { collect, newPair } from '../pgp/keys.ts';
import { openTestErrors } from '../support/errors.ts';
import { factsOf } from '../support/journal.ts';
import { Random, seed } from '../support/random.ts';
import { type HeldWorld, openOnDisk } from '../support/shards.ts';
import { type Citizen, hpan, value } from '../support/world.ts';
import { bodyOf, SENDER } from './files.ts';

const TOKENS_NAME = 'TKM.36081.TKNLST.20201220.101530.001.csv';
const PAR = 'Q1H5V6ZG8Y0K2M4N6P8R0T2V4X6Z8';
const CARD = hpan(1);
const tokenOf = (number: number) => hpan(1_000 + number);
const lineOf = (token: string, par = PAR) => `${token};${par}\n`;
const DAYS = ['2020-12-08T10:00:00+01:00', '2020-12-10T10:00:00+01:00', '2020-12-12T10:00:00+01:00'] as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-tokens-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Story extends HeldWorld {
  readonly anna: Citizen;
  readonly bruno: Citizen;
}

/** Anna and Bruno are enrolled; a card of hers, enabled through an issuer, has the PAR. */
async function open(shardCount: number): Promise<Story> {
  const held = await openOnDisk({ shardCount, now: DAYS[0] });
  const [anna, bruno] = [held.world.citizen(makeTaxCode(1)), held.world.citizen(makeTaxCode(2))];
  for (const citizen of [anna, bruno]) await citizen.enrol();
  const issuer = { role: 'issuer', subject: '03069', channel: '03069' } as const;
  expect(await anna.do({ kind: 'enableCashback', hpan: CARD }, held.world.nextId(), issuer)).toMatchObject({
    ok: true,
  });
  value(await held.world.engine.setPar(anna.key, CARD, PAR));
  held.world.at(DAYS[1]);
  return { ...held, anna, bruno };
}

function ingesterOver({ world }: HeldWorld, options: Partial<FileIngestOptions> = {}): FileIngester {
  const pause = () => new Promise<void>((resume) => setImmediate(resume));
  return createFileIngester({
    ...{ engine: world.engine, clock: { nowMs: () => world.nowMs }, spoolFolder: folder, pause, refusal: () => null },
    ...options,
  });
}

async function take(story: HeldWorld, content: string, options: Partial<FileIngestOptions> = {}): Promise<TokenReport> {
  const file = { name: TOKENS_NAME, sender: SENDER, body: bodyOf(content, 1_000) };
  const report = await ingesterOver(story, options).ingestTokens(file);
  if (!report.ok) throw new Error(report.code);
  return report;
}

const listed = ({ outcome }: TokenReport) => [...outcome.rowsNotCounted()];
const stateOf = async (citizen: Citizen) =>
  new Map((await citizen.wallet()).methods.map(({ hpan: of, cashback }) => [of, cashback]));

/** What is said of each file that came today, in no order; null: it is not done. */
async function accounts({ world }: Story) {
  const { files } = value(await world.engine.receivedFiles({ dayNumber: romeDayNumber(world.nowMs) }));
  return files.map(({ isDone, figures }) =>
    isDone ? figures.map(({ fate, code, rowCount }) => [fate, code, rowCount]).sort() : null,
  );
}

async function expectSound(story: HeldWorld): Promise<void> {
  await story.world.engine.close();
  await story.world.persistence.close();
  expect(story.world.faults).toEqual([]);
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk: story.disk }));
  expect(inspection.differences).toEqual([]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('a token of an active card’s PAR is its owner’s, through the card’s channel; others are nobody’s', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    const report = await take(story, lineOf(tokenOf(1).toUpperCase(), PAR.toLowerCase()) + lineOf(tokenOf(2), 'OTHER'));
    const { received, ...summary } = report.summary;
    expect(summary).toEqual({
      ...{ file: TOKENS_NAME, rows: 2, enabled: 1, known: 0, dropped: 1, rejected: 0, unlisted: 0 },
      codes: { INSTRUMENT_NOT_FOUND: 1 },
    });
    expect(Date.parse(received)).toBe(world.nowMs);
    expect(listed(report)).toEqual([{ line: 2, status: 'dropped', code: 'INSTRUMENT_NOT_FOUND', detail: 'par' }]);
    expect((await anna.wallet()).methods).toMatchObject([
      { hpan: CARD, cashback: 'enabled', channel: '03069' },
      { hpan: tokenOf(1), cashback: 'enabled', channel: '03069', details: null, activationMs: world.nowMs },
    ]);
    expect(factsOf(world, 'cardActivated').at(-1)).toMatchObject({ hpan: tokenOf(1), master: CARD });
    expect(await world.engine.activations(tokenOf(2))).toEqual({ ok: false, code: 'INSTRUMENT_NOT_FOUND' });
    await expectSound(story);
  });

  test('sent again, in the same file or another, it changes nothing; what its holder has ended stays ended', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    const content = lineOf(tokenOf(1)) + lineOf(tokenOf(2)) + lineOf(tokenOf(1));
    expect((await take(story, content)).summary).toMatchObject({ enabled: 2, known: 1 });
    const done = factsOf(world, 'commandDone').length;
    expect((await take(story, content)).summary).toMatchObject({ enabled: 0, known: 3 });
    await anna.must({ kind: 'disableCashback', hpan: tokenOf(1) });
    for (const same of [content, `${content}\n${lineOf(CARD)}`]) {
      expect((await take(story, same)).summary).toMatchObject({ enabled: 0, rejected: 0, dropped: 0 });
    }
    expect(await stateOf(anna)).toEqual(
      new Map([
        [CARD, 'enabled'],
        [tokenOf(1), 'off'],
        [tokenOf(2), 'enabled'],
      ]),
    );
    expect(factsOf(world, 'commandDone')).toHaveLength(done + 1);
    await expectSound(story);
  });

  test('a list is accounted for, each line once, also when it comes again', async () => {
    const story = await open(shardCount);
    const content = `${lineOf(tokenOf(1))}${lineOf(tokenOf(2), 'OTHER')}no token\n${lineOf(tokenOf(1))}`;
    await take(story, content);
    await take(story, content);
    expect(await accounts(story)).toEqual([
      [
        ['accepted', null, 1],
        ['dropped', 'INSTRUMENT_NOT_FOUND', 1],
        ['rejected', 'WRONG_COLUMNS', 1],
        ['repeated', null, 1],
      ],
      [
        ['repeated', null, 2],
        ['repeated', 'INSTRUMENT_NOT_FOUND', 1],
        ['repeated', 'WRONG_COLUMNS', 1],
      ],
    ]);
    await expectSound(story);
  });

  test('a card that is active no more has no tokens; one that is enabled again has them anew', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    await take(story, lineOf(tokenOf(1)));
    for (const hpanOf of [CARD, tokenOf(1)]) await anna.must({ kind: 'disableCashback', hpan: hpanOf });
    expect((await take(story, lineOf(tokenOf(1)) + lineOf(tokenOf(2)))).summary).toMatchObject({ dropped: 2 });
    world.at(DAYS[2]);
    await anna.enable(CARD);
    expect((await take(story, lineOf(tokenOf(1)))).summary).toMatchObject({ enabled: 1 });
    expect((await anna.wallet()).methods).toMatchObject([{ channel: 'app-io-channel' }, { channel: 'app-io-channel' }]);
    await expectSound(story);
  });

  test('a token that somebody else has is theirs, and a PAR of two citizens’ cards is nobody’s', async () => {
    const story = await open(shardCount);
    const { world, anna, bruno } = story;
    await bruno.enable(tokenOf(1));
    const taken = await take(story, lineOf(tokenOf(1)));
    expect(listed(taken)).toEqual([{ line: 1, status: 'rejected', code: 'INSTRUMENT_TAKEN', detail: '' }]);
    await bruno.must({ kind: 'disableCashback', hpan: tokenOf(1) });
    // Whoever had it once says nothing about whose it is now.
    expect((await take(story, lineOf(tokenOf(1)))).summary).toMatchObject({ enabled: 1 });
    await bruno.enable(hpan(2));
    value(await world.engine.setPar(bruno.key, hpan(2), PAR));
    expect((await take(story, lineOf(tokenOf(2)))).summary).toMatchObject({ dropped: 1 });
    await anna.leave();
    expect((await take(story, lineOf(tokenOf(2)))).summary).toMatchObject({ enabled: 1 });
    expect((await stateOf(bruno)).get(tokenOf(2))).toBe('enabled');
    await expectSound(story);
  });
});

test('a card that its holder ends while a line of its tokens is read is not enabled with them', async () => {
  const story = await open(3);
  const { world, anna } = story;
  const engine: FileIngestOptions['engine'] = {
    ...world.engine,
    openIntake: (receivedMs) => world.engine.openIntake(receivedMs),
    execute: (command, done) =>
      void anna.must({ kind: 'disableCashback', hpan: CARD }).then(() => world.engine.execute(command, done)),
  };
  expect((await take(story, lineOf(tokenOf(1)), { engine })).summary).toMatchObject({ enabled: 0, dropped: 1 });
  expect(await stateOf(anna)).toEqual(new Map([[CARD, 'off']]));
  await expectSound(story);
});

test('bad lines are named and kept for an operator without card numbers, and a corrected one is taken in', async () => {
  const story = await open(1);
  const { world, anna } = story;
  const errors = await openTestErrors(join(folder, 'errors'));
  const content = [
    'one',
    `${tokenOf(1)};${PAR};more`,
    `4111111111111111;${PAR}`,
    `${tokenOf(1)};`,
    `${tokenOf(1)};NO PAR`,
    'x'.repeat(LIMITS.fileLineCharactersMax + 1),
    `${tokenOf(2)};${PAR}\r`,
  ].join('\n');
  const report = await take(story, content, { errors });
  expect(listed(report)).toEqual([
    { line: 1, status: 'rejected', code: 'WRONG_COLUMNS', detail: '1 columns' },
    { line: 2, status: 'rejected', code: 'WRONG_COLUMNS', detail: '3 columns' },
    { line: 3, status: 'rejected', code: 'FIELD_INVALID', detail: 'tokenPan' },
    { line: 4, status: 'rejected', code: 'FIELD_INVALID', detail: 'par' },
    { line: 5, status: 'rejected', code: 'FIELD_INVALID', detail: 'par' },
    { line: 6, status: 'rejected', code: 'WRONG_COLUMNS', detail: 'line too long' },
  ]);
  expect(report.summary).toMatchObject({ rows: 7, enabled: 1, codes: { WRONG_COLUMNS: 3, FIELD_INVALID: 3 } });
  expect(report.errors).toEqual({ keptCount: 6, unkeptCount: 0 });
  const page = await errors.page({ limit: 10 });
  expect(JSON.stringify(page)).not.toContain('4111111111111111');

  const files = ingesterOver(story);
  const takers = {
    transactions: ({ file: { name, sender }, line }, text) => files.takeLine({ name, sender, line, text }),
  } as Partial<LineTakers> as LineTakers;
  const desk = new ErrorDesk({ store: errors, takers, clock: { nowMs: () => world.nowMs } });
  const { id } = page.errors.find(({ line }) => line === 3)!;
  expect(await desk.resubmit(id, `${tokenOf(3)};OTHER`, 'ops')).toMatchObject({
    ok: false,
    code: 'INSTRUMENT_NOT_FOUND',
  });
  expect(await desk.resubmit(id, `${tokenOf(3)};${PAR}`, 'ops')).toMatchObject({ ok: true, value: { state: 'taken' } });
  expect((await stateOf(anna)).get(tokenOf(3))).toBe('enabled');
  await expectSound(story);
});

test('DECISION 30: its name says whose it is and of which kind; encrypted it is the same', async () => {
  const story = await open(1);
  const pair = await newPair();
  const files = ingesterOver(story, { decrypting: (bytes) => decryptedPieces(bytes, pair.privateKey) });
  const message = await collect(encrypting(pair.publicKey)(bodyOf(lineOf(tokenOf(1)))));
  const send = async (name: string, sender: string, content: string | Uint8Array) => {
    const report = await files.ingestTokens({ name, sender, body: bodyOf(content) });
    return report.ok ? report.summary.enabled : report.code;
  };
  expect(await send(TOKENS_NAME, '12345', lineOf(tokenOf(1)))).toBe('FORBIDDEN');
  expect(await send('CSTAR.36081.TRNLOG.20201220.101530.001.csv', SENDER, lineOf(tokenOf(1)))).toBe(
    'FILE_NAME_INVALID',
  );
  expect(await files.ingest({ name: TOKENS_NAME, sender: SENDER, body: bodyOf('') })).toMatchObject({
    code: 'FILE_NAME_INVALID',
  });
  expect(await send(TOKENS_NAME, SENDER, Buffer.from([0xff]))).toBe('ENCODING_INVALID');
  expect(await send(`${TOKENS_NAME}.pgp`, SENDER, message.subarray(0, -40))).toBe('PGP_INVALID');
  expect((await stateOf(story.anna)).size).toBe(1);
  expect(await send(`${TOKENS_NAME}.pgp`, SENDER, message)).toBe(1);
  await expectSound(story);
});

test('a full engine holds lines back, one that stops ends the file, and sent again it does the rest', async () => {
  const random = new Random(seed);
  const story = await open(3);
  const { world, anna } = story;
  const count = 40;
  const content = Array.from({ length: count }, (_, number) => lineOf(tokenOf(number))).join('');
  const stopping = new AbortController();
  let executed = 0;
  const engine: FileIngestOptions['engine'] = {
    ...world.engine,
    openIntake: (receivedMs) => world.engine.openIntake(receivedMs),
    execute(command, done) {
      if (random.below(3) === 0) return done({ ok: false, code: 'OVERLOADED' });
      executed += 1;
      if (executed === count / 2) stopping.abort();
      world.engine.execute(command, done);
    },
  };
  const files = ingesterOver(story, { engine, stopping: stopping.signal });
  const file = { name: TOKENS_NAME, sender: SENDER };
  const cut = await files.ingestTokens({ ...file, body: bodyOf(content) });
  expect(cut, `seed=${seed}`).toEqual({ ok: false, code: 'DRAINING' });
  const before = (await stateOf(anna)).size - 1;
  expect(before, `seed=${seed}`).toBeGreaterThanOrEqual(count / 2);
  const again = await ingesterOver(story).ingestTokens({ ...file, body: bodyOf(content) });
  expect(again, `seed=${seed}`).toMatchObject({ summary: { enabled: count - before, known: before } });
  expect(await accounts(story), `seed=${seed}`).toEqual([
    null,
    [
      ['accepted', null, count - before],
      ['repeated', null, before],
    ],
  ]);
  const full = Array.from({ length: LIMITS.methodCountMax }, (_, number) => lineOf(tokenOf(number))).join('');
  expect((await take(story, full)).summary).toMatchObject({ codes: { TOO_MANY_METHODS: 1 }, known: count });
  await expectSound(story);
});
