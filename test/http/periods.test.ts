// Method: operators decide about periods over a real port, and an acquirer's late file comes in over the same; and nonsense at each address.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isoText } from '../../engine/index.ts';
import { row } from '../files/files.ts';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, shortProgramme } from '../support/payouts.ts';
import { until } from '../support/shards.ts';
import { type Citizen, hpan, instant, World } from '../support/world.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

const PERIODS = '/admin/periods';
const LATE_FILE = 'CSTAR.36081.TRNLOG.20210120.120000.001.csv';
const OTHER_FILE = 'CSTAR.36081.TRNLOG.20210120.120000.002.csv';
const UNTIL = '2021-01-25T00:00:00+01:00';

let server: HttpServer;
let world: World;
let citizens: readonly Citizen[];

beforeAll(async () => {
  server = await HttpServer.open({ now: PERIOD_BEGINS, programme: shortProgramme() });
  world = World.over(server.engine, instant(PERIOD_BEGINS), (nowMs) => server.clock.set(nowMs), []);
  citizens = await livePeriod(world, [2, 1]);
});
afterAll(() => server.close());

async function operator(method: string, path: string, sent: Sent = {}): Promise<Received> {
  return server.call(method, path, { token: await server.token('operator', 'ada'), ...sent });
}
const post = (path: string, body: unknown) => operator('POST', path, { body });
const nameOf = ({ status, body }: Received) => {
  const { name, detail } = (body ?? {}) as { readonly name?: string; readonly detail?: string };
  return detail === undefined ? [status, name] : [status, name, detail];
};
const ofPeriod = async (awardPeriodId: number) => {
  const { periods } = (await operator('GET', PERIODS)).body as { periods: { awardPeriodId: number }[] };
  return periods.find((period) => period.awardPeriodId === awardPeriodId);
};

async function upload(name: string, id: string): Promise<unknown> {
  const date = '2020-12-29T10:00:00.000+01:00';
  const body = row({ id, hpan: hpan(1), date, amount: '10000' });
  const token = await server.token('acquirer', '36081');
  return (await server.call('POST', `/rtd/files/${name}`, { token, headers: { accept: 'application/json' }, body }))
    .body;
}

test('a late file counts in a closed period that was opened again for it, and in no other way', async () => {
  await closePeriod(world);
  server.at('2021-01-20T12:00:00+01:00');
  expect(await upload(LATE_FILE, 'L1')).toMatchObject({ codes: { NO_AWARD_PERIOD: 1 } });
  const asked = {
    awardPeriodId: PAID_PERIOD,
    files: [`${LATE_FILE}.pgp`],
    until: UNTIL,
    reason: 'late by the circuit',
  };
  const decided = {
    number: 1,
    kind: 'reopen',
    operator: 'ada',
    reason: asked.reason,
    files: [LATE_FILE],
    until: isoText(instant(UNTIL)),
  };
  const reopened = await post(`${PERIODS}/reopen`, asked);
  expect(reopened.body, reopened.text).toMatchObject({
    period: {
      awardPeriodId: PAID_PERIOD,
      status: 'CLOSED',
      reopenedUntil: isoText(instant(UNTIL)),
      decisions: [decided],
    },
  });
  expect((await post(`${PERIODS}/reopen`, asked)).body).toEqual(reopened.body);
  expect(await upload(OTHER_FILE, 'L2')).toMatchObject({ codes: { NO_AWARD_PERIOD: 1 } });
  expect(await upload(LATE_FILE, 'L1')).toMatchObject({ counted: 1 });
  expect(await citizens[1]!.total(PAID_PERIOD)).toMatchObject({ transactionNumber: 2, payableCents: 20_00 });

  const winners = `/bpd/notification-manager/winners?awardPeriodId=${PAID_PERIOD}`;
  expect(nameOf(await operator('POST', winners))).toEqual([409, 'PERIOD_REOPENED']);
  const closing = await post(`${PERIODS}/close`, { awardPeriodId: PAID_PERIOD, reason: 'all is there' });
  expect(closing.body).toMatchObject({
    period: { reopenedUntil: null, decisions: [decided, { kind: 'close', number: 2 }] },
  });
  await until(async () => {
    server.engine.tick();
    return (await operator('POST', winners)).status === 200;
  }, 'the period paid');
  expect(nameOf(await post(`${PERIODS}/reopen`, asked))).toEqual([409, 'PERIOD_PAID']);
  expect(await upload(LATE_FILE, 'L3')).toMatchObject({ codes: { NO_AWARD_PERIOD: 1 } });
});

test('a period is suspended and resumed, and everybody sees it', async () => {
  const visible = async () => {
    const token = await server.token('citizen', citizens[0]!.taxCode);
    const { body } = await server.call('GET', '/bpd/io/award-periods/v2', { token });
    return (body as { awardPeriodId: number }[]).map(({ awardPeriodId }) => awardPeriodId);
  };
  expect(await visible()).toEqual([1, 2, 4]);
  const suspended = await post(`${PERIODS}/suspend`, { awardPeriodId: 4, reason: 'decree-law 99' });
  expect(suspended.body).toMatchObject({
    period: { isSuspended: true, decisions: [{ kind: 'suspend', operator: 'ada' }] },
  });
  expect(await visible()).toEqual([1, 2]);
  expect(await ofPeriod(4)).toMatchObject({ isSuspended: true });
  expect((await post(`${PERIODS}/resume`, { awardPeriodId: 4, reason: 'not so' })).status).toBe(200);
  expect(await visible()).toEqual([1, 2, 4]);
});

test('the programme is read as a file, and replaced by a newer version of itself', async () => {
  const { programme } = (await operator('GET', '/admin/programme')).body as { programme: { periods: object[] } };
  const last = programme.periods[3]!;
  const newer = { ...programme, periods: [...programme.periods.slice(0, 3), { ...last, minTransactionNumber: 40 }] };
  const replaced = await post('/admin/programme', { programme: newer, reason: 'forty are enough' });
  expect(replaced.body, replaced.text).toMatchObject({
    programme: newer,
    decisions: [{ kind: 'replace', operator: 'ada', reason: 'forty are enough' }],
  });
  expect((await operator('GET', '/admin/programme')).body).toEqual(replaced.body);
  expect(await ofPeriod(4)).toMatchObject({ minTransactionNumber: 40 });
  const [christmas, ...others] = programme.periods;
  const early = { ...programme, periods: [{ ...christmas, graceDays: 11 }, ...others] };
  expect(nameOf(await post('/admin/programme', { programme: early, reason: 'x' }))).toEqual([
    ...[409, 'PROGRAMME_REFUSED', 'period 1: graceDays differs, and it began on 2020-12-08'],
  ]);
  expect(nameOf(await post('/admin/programme', { programme: { ...newer, panSalt: '' }, reason: 'x' }))).toEqual([
    ...[400, 'FIELD_INVALID', 'programme.panSalt is not a text'],
  ]);
});

test('nonsense is refused by the name of the field, and nobody but operators decides', async () => {
  const named = { awardPeriodId: 4, reason: 'why not' };
  const reopening = { ...named, awardPeriodId: 1, files: [LATE_FILE], until: UNTIL };
  for (const [path, body, refusal] of [
    [`${PERIODS}/suspend`, undefined, [400, 'FIELD_INVALID', 'body']],
    [`${PERIODS}/suspend`, { reason: 'x' }, [400, 'FIELD_INVALID', 'awardPeriodId']],
    [`${PERIODS}/suspend`, { ...named, awardPeriodId: '4' }, [400, 'FIELD_INVALID', 'awardPeriodId']],
    [`${PERIODS}/suspend`, { ...named, reason: '' }, [400, 'FIELD_INVALID', 'reason']],
    [`${PERIODS}/suspend`, { ...named, reason: 'x'.repeat(201) }, [400, 'FIELD_INVALID', 'reason']],
    [`${PERIODS}/suspend`, { ...named, awardPeriodId: 99 }, [404, 'PERIOD_NOT_FOUND']],
    [`${PERIODS}/suspend`, { ...named, awardPeriodId: 1 }, [409, 'PERIOD_BEGUN']],
    [`${PERIODS}/close`, { ...named, awardPeriodId: 2 }, [409, 'PERIOD_NOT_REOPENED']],
    [`${PERIODS}/reopen`, named, [400, 'FIELD_INVALID', 'files']],
    [`${PERIODS}/reopen`, { ...reopening, files: [LATE_FILE, 'late.csv'] }, [400, 'FIELD_INVALID', 'files.1']],
    [`${PERIODS}/reopen`, { ...reopening, until: 'tomorrow' }, [400, 'FIELD_INVALID', 'until']],
    [`${PERIODS}/reopen`, { ...reopening, awardPeriodId: 2 }, [409, 'PERIOD_NOT_FROZEN']],
    ['/admin/programme', { programme: 'italy', reason: 'x' }, [400, 'FIELD_INVALID', 'programme']],
  ] as const) {
    expect(nameOf(await operator('POST', path, body === undefined ? {} : { body })), path).toEqual(refusal);
  }
  const token = await server.token('citizen', citizens[0]!.taxCode);
  for (const path of [PERIODS, '/admin/programme']) {
    expect(nameOf(await server.call('GET', path, { token }))).toEqual([403, 'FORBIDDEN']);
  }
});
