// Method: an operator has citizens told over a real port, and pages through what is due; and nonsense at each address.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePeriod, livePeriod, PAID_PERIOD, PERIOD_BEGINS, shortProgramme } from '../support/payouts.ts';
import { type Citizen, instant, World } from '../support/world.ts';
import { HttpServer, type Received } from './http-server.ts';

const MANAGER = '/bpd/notification-manager';
let server: HttpServer;
let world: World;
let citizens: readonly Citizen[];

beforeAll(async () => {
  server = await HttpServer.open({ now: PERIOD_BEGINS, programme: shortProgramme() });
  world = World.over(server.engine, instant(PERIOD_BEGINS), (nowMs) => server.clock.set(nowMs), []);
  citizens = await livePeriod(world, [2, 3, 1]);
});
afterAll(() => server.close());

async function operator(method: string, path: string): Promise<Received> {
  return server.call(method, path, { token: await server.token('operator', 'desk') });
}

test('the end of a period and its result are queued once, and listed without a name', async () => {
  const notify = () => operator('POST', `${MANAGER}/notifyEndPeriodOrGracePeriod`);
  expect((await notify()).body).toEqual({ queued: [] });
  world.at('2021-01-05T10:00:00+01:00');
  const queued = [{ run: 'endOfPeriod', awardPeriodId: PAID_PERIOD, noticeCount: 3 }];
  expect((await notify()).body).toEqual({ queued });
  expect((await notify()).body).toEqual({ queued });
  await closePeriod(world);
  expect((await notify()).body).toEqual({ queued: [{ run: 'final', awardPeriodId: PAID_PERIOD, noticeCount: 3 }] });
  expect((await operator('POST', '/admin/notices/missing-iban')).body).toMatchObject({ queued: [{ noticeCount: 0 }] });

  const first = (await operator('GET', '/admin/notices?state=due&limit=4')).body as {
    notices: readonly object[];
    nextCursor: string;
  };
  const rest = await operator('GET', `/admin/notices?state=due&cursor=${encodeURIComponent(first.nextCursor)}`);
  const all = [...first.notices, ...(rest.body as typeof first).notices];
  expect(all).toHaveLength(6);
  expect(all).toContainEqual({
    ...{ id: `final-1-${citizens[2]!.key}`, citizen: citizens[2]!.key, kind: 'noRefund', awardPeriodId: PAID_PERIOD },
    ...{ cashbackCents: 0, jackpotCents: 0, state: 'due', attempts: 0 },
    ...{ due: '2021-01-10T23:00:00.000Z', updateDate: '2021-01-10T23:00:00.000Z' },
  });
  expect(JSON.stringify(all)).not.toContain(citizens[2]!.taxCode);
  expect((await operator('GET', '/admin/notices?state=failed')).body).toEqual({ notices: [] });
  // Nobody has said where to: they wait.
  expect(await operator('POST', `${MANAGER}/notifyPayments`)).toMatchObject({
    status: 202,
    body: { isDelivering: false },
  });
});

test('what is asked for wrongly is refused, and so is everybody else', async () => {
  for (const query of ['', 'state=all', 'state=due&limit=0', 'state=due&limit=x']) {
    expect((await operator('GET', `/admin/notices?${query}`)).status, query).toBe(400);
  }
  expect((await operator('GET', '/admin/notices?state=due&cursor=nonsense')).body).toEqual({ notices: [] });
  const token = await server.token('citizen', citizens[0]!.taxCode);
  for (const path of [`${MANAGER}/notifyPayments`, `${MANAGER}/notifyEndPeriodOrGracePeriod`]) {
    expect((await server.call('POST', path, { token })).status, path).toBe(403);
  }
});
