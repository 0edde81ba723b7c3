// Method: an operator pays a period over a real port, from its records to the bank's answers; and nonsense at each address.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PayoutFile, PayoutView } from '../../engine/index.ts';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { until } from '../support/shards.ts';
import { type Citizen, instant, value, World } from '../support/world.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

const SAID = { awardPeriodId: PAID_PERIOD, lastChunkFilenameSent: 'a.csv' };
const WINNERS = '/bpd/notification-manager/winners';
let server: HttpServer;
let world: World;
let citizens: readonly Citizen[];

beforeAll(async () => {
  server = await HttpServer.open({ now: PERIOD_BEGINS, programme: shortProgramme() });
  world = World.over(server.engine, instant(PERIOD_BEGINS), (nowMs) => server.clock.set(nowMs), []);
  citizens = await livePeriod(world, [2, 3, 4]);
});
afterAll(() => server.close());

async function operator(method: string, path: string, sent: Sent = {}): Promise<Received> {
  return server.call(method, path, { token: await server.token('operator', 'desk'), ...sent });
}
const nameOf = ({ status, body }: Received) => [status, (body as { readonly name?: string } | undefined)?.name];

async function exported(): Promise<unknown> {
  let state: { readonly state: string } | null = null;
  await until(async () => {
    ({ export: state } = (await operator('GET', '/admin/payouts/export')).body as { export: typeof state });
    return state?.state === 'done';
  }, 'the export done');
  return state;
}

test('a period is made, exported, listed and settled', async () => {
  const make = () => operator('POST', `${WINNERS}?awardPeriodId=${PAID_PERIOD}`);
  expect(nameOf(await make())).toEqual([409, 'PERIOD_NOT_FROZEN']);
  await closePeriod(world);
  expect((await make()).body).toMatchObject({ recordCount: 3, orderNumber: 1, cut: null });
  expect((await make()).body).toMatchObject({ recordCount: 0, orderNumber: 2 });

  const begun = await operator('POST', `${WINNERS}/consap`, { body: { awardPeriodId: PAID_PERIOD } });
  expect(begun.status, begun.text).toBe(202);
  expect(await exported()).toMatchObject({ fileCount: 1, rowCount: 3, totalCents: 90_00 + 3 * 1_500_00 });
  const [name] = readdirSync(join(server.folder, 'payouts')).filter((each) => each.endsWith('.csv'));
  expect(readFileSync(join(server.folder, 'payouts', name!), 'utf8').split('\n')).toHaveLength(4);
  expect((await operator('GET', '/admin/payouts/files')).body).toMatchObject({
    files: [{ fileNumber: 1, name, state: 'delivered', rowCount: 3 }],
  });

  const all: { id: number; iban: string }[] = [];
  for (let next: string | undefined = '0 0'; next !== undefined; ) {
    const path = `/admin/payouts?awardPeriodId=${PAID_PERIOD}&cursor=${encodeURIComponent(next)}`;
    const { payouts, nextCursor } = (await operator('GET', path)).body as {
      payouts: typeof all;
      nextCursor?: string;
    };
    all.push(...payouts);
    next = nextCursor;
  }
  expect(all).toHaveLength(3);
  // Whoever looks over a shoulder learns no account.
  expect(JSON.stringify(all)).not.toMatch(/IT\d{2}[A-Z]\d{10}/);
  expect(JSON.stringify(all)).not.toContain(citizens[0]!.taxCode);

  const own = await operator('POST', '/admin/payouts/of', { body: { citizen: citizens[0]!.taxCode } });
  const [{ id }] = (own.body as { payouts: { id: number }[] }).payouts as [{ id: number }];
  const outcomes = await operator('POST', '/admin/payouts/outcomes', { body: `${id};KO;chiuso;;\n999999999;KO;;;` });
  expect(outcomes.body).toMatchObject({ rowCount: 2, takenCount: 1 });
  const failed = await operator('GET', `/admin/payouts?filter=failed&cursor=${(id - 1) % 64}%200`);
  expect(failed.body).toMatchObject({ payouts: [{ id, outcome: { result: 'KO', reason: 'chiuso' } }] });
});

test('after an export that was cut short the next one waits for the last file that was sent', async () => {
  await setIban(citizens[0]!, 7);
  const [failed, again] = value(await server.engine.payoutsOf(citizens[0]!.key)) as [PayoutView, PayoutView];
  expect(again).toMatchObject({ status: 'NEW', relatedId: failed.id });
  const [first] = value(await server.engine.payoutFiles());
  const cut: PayoutFile = { ...first!, fileNumber: 2, name: 'CSTAR.CONSAP.BANKT.x.02_02.1.csv', state: 'writing' };
  await server.engine.setPayoutFile(cut);
  const claim = { kind: 'export', id: again.id, fileNumber: 2, updateMs: again.updateMs } as const;
  expect(await server.engine.changePayouts([claim])).toMatchObject([{ ok: true }]);

  const ask = (path: string, body: object) => operator('POST', path, { body: { awardPeriodId: PAID_PERIOD, ...body } });
  const refused = await ask(`${WINNERS}/consap`, {});
  expect(nameOf(refused)).toEqual([409, 'PAYOUT_UNFINISHED']);
  expect(refused.text).toContain(cut.name);
  const unknown = { lastChunkFilenameSent: 'unknown.csv' };
  for (const path of [`${WINNERS}/consap`, `${WINNERS}/restore`]) {
    expect(nameOf(await ask(path, unknown)), path).toEqual([404, 'PAYOUT_FILE_NOT_FOUND']);
  }
  const restored = await ask(`${WINNERS}/restore`, { lastChunkFilenameSent: first!.name });
  expect(restored.body).toEqual({ recordCount: 1, sentCount: 0, returnedCount: 1 });

  const [back] = value(await server.engine.payoutsOf(citizens[0]!.key)).slice(-1);
  await server.engine.setPayoutFile({ ...cut, fileNumber: 3 });
  await server.engine.changePayouts([{ ...claim, fileNumber: 3, updateMs: back!.updateMs }]);
  server.clock.set(server.clock.nowMs() + 1_000);
  const begun = await ask(`${WINNERS}/consap`, { lastChunkFilenameSent: first!.name });
  expect(begun.status, begun.text).toBe(202);
  expect(await exported()).toMatchObject({ fileCount: 1, rowCount: 1 });
  expect(value(await server.engine.payoutsOf(citizens[0]!.key)).map(({ status }) => status)).toEqual(['SENT', 'SENT']);
});

test('nonsense is refused by the name of the field, and nobody but operators pays', async () => {
  for (const [path, body, refusal] of [
    [WINNERS, undefined, [400, 'FIELD_INVALID']],
    [`${WINNERS}?awardPeriodId=x`, undefined, [400, 'FIELD_INVALID']],
    [`${WINNERS}?awardPeriodId=${PAID_PERIOD}&fundsCents=-1`, undefined, [400, 'FIELD_INVALID']],
    [`${WINNERS}?awardPeriodId=99`, undefined, [404, 'PERIOD_NOT_FOUND']],
    [`${WINNERS}/consap`, { awardPeriodId: 'one' }, [400, 'FIELD_INVALID']],
    [`${WINNERS}/consap`, { awardPeriodId: 99 }, [404, 'PERIOD_NOT_FOUND']],
    [`${WINNERS}/restore`, { awardPeriodId: PAID_PERIOD, status: 'WIP' }, [400, 'FIELD_INVALID']],
    [`${WINNERS}/restore`, { awardPeriodId: PAID_PERIOD, status: 'NEW' }, [404, 'PAYOUT_FILE_NOT_FOUND']],
    [`${WINNERS}/restore`, { awardPeriodId: PAID_PERIOD }, [400, 'FIELD_INVALID']],
    [`${WINNERS}/restore`, { ...SAID, status: 'NEW' }, [400, 'FIELD_INVALID']],
    [`${WINNERS}/restore`, { ...SAID, chunkFilename: 'a.csv' }, [400, 'FIELD_INVALID']],
    [`${WINNERS}/consap`, { ...SAID, lastChunkFilenameSent: 1 }, [400, 'FIELD_INVALID']],
    ['/admin/payouts/sepa', { awardPeriodId: PAID_PERIOD }, [400, 'FIELD_INVALID']],
    [
      '/admin/payouts/sepa',
      { awardPeriodId: PAID_PERIOD, debtorName: 'A', debtorIban: 'X', executionDay: '2021-02-01' },
      [400, 'FIELD_INVALID'],
    ],
    ['/admin/payouts/of', { citizen: 'nobody' }, [400, 'FIELD_INVALID']],
  ] as const) {
    expect(nameOf(await operator('POST', path, body === undefined ? {} : { body })), path).toEqual(refusal);
  }
  for (const path of ['/admin/payouts?filter=some', '/admin/payouts?awardPeriodId=x']) {
    expect(nameOf(await operator('GET', path)), path).toEqual([400, 'FIELD_INVALID']);
  }
  expect((await operator('GET', '/admin/payouts?cursor=nonsense')).body).toEqual({ payouts: [] });
  const image = { headers: { 'content-type': 'image/png' }, body: 'x' };
  expect(nameOf(await operator('POST', '/admin/payouts/outcomes', image))).toEqual([415, 'CONTENT_TYPE_INVALID']);
  const token = await server.token('citizen', citizens[0]!.taxCode);
  for (const path of [`${WINNERS}?awardPeriodId=1`, `${WINNERS}/consap`, '/admin/payouts/outcomes']) {
    expect(nameOf(await server.call('POST', path, { token })), path).toEqual([403, 'FORBIDDEN']);
  }
});
