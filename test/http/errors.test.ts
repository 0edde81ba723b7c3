// Method: files with bad lines from an acquirer and from the bank come over a real port; an operator finds them, submits
// corrected ones, which must count as the rows of the files would have, and dismisses others. The day's account must add up.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import { FILE_NAME, hpanOf, row } from '../files/files.ts';
import { livePeriod, PERIOD_BEGINS, shortProgramme } from '../support/payouts.ts';
import { instant, World } from '../support/world.ts';
import { HttpServer, type Received, type Sent } from './http-server.ts';

const CARD = hpanOf(1);
let server: HttpServer;

beforeAll(async () => {
  server = await HttpServer.open({ now: PERIOD_BEGINS, programme: shortProgramme() });
  const world = World.over(server.engine, instant(PERIOD_BEGINS), (nowMs) => server.clock.set(nowMs), []);
  await livePeriod(world, [2]);
  const token = await server.token('citizen', makeTaxCode(1));
  await server.call('PUT', '/bpd/io/citizen/v2', { token });
  await server.call('PUT', `/bpd/io/payment-instruments/${CARD}`, { token });
  server.at('2021-02-11T12:00:00+01:00');
});
afterAll(() => server.close());

async function operator(method: string, path: string, sent: Sent = {}): Promise<Received> {
  return server.call(method, path, { token: await server.token('operator', 'anna'), ...sent });
}
async function upload(lines: readonly string[], name = FILE_NAME): Promise<Received> {
  const token = await server.token('acquirer', '36081');
  return server.call('POST', `/rtd/files/${name}`, { token, body: lines.join('\n') });
}
const nameOf = ({ status, body }: Received) => [status, (body as { readonly name?: string }).name];

interface Listed {
  readonly errors: readonly {
    readonly id: string;
    readonly line: number;
    readonly code: string;
    readonly text: string;
  }[];
  readonly nextCursor?: string;
  readonly unkeptCount: number;
}
const list = async (query = '') => (await operator('GET', `/admin/errors?state=open${query}`)).body as Listed;

interface Sums {
  readonly rows: number;
  readonly accepted: { readonly rows: number; readonly cents: number };
  readonly dropped: { readonly rows: number };
  readonly rejected: { readonly rows: number };
  readonly repeated: { readonly rows: number };
}
interface Day {
  readonly acquirers: readonly (Sums & { readonly acquirer: string; readonly files: number })[];
  readonly files: readonly (Sums & { readonly file: string; readonly state: string })[];
}
async function day(query = '&acquirer=36081'): Promise<Day> {
  const read = await operator('GET', `/admin/reconciliation?day=2021-02-11${query}`);
  expect(read.status, read.text).toBe(200);
  for (const one of [...(read.body as Day).acquirers, ...(read.body as Day).files]) {
    const { rows, accepted, dropped, rejected, repeated } = one;
    expect(accepted.rows + dropped.rows + rejected.rows + repeated.rows).toBe(rows);
  }
  return read.body as Day;
}

describe('a file of an acquirer', () => {
  const good = row({ id: 'G1', hpan: CARD });
  const cut = row({ id: 'B1', hpan: CARD }).split(';').slice(0, 9).join(';');
  const lines = [good, cut, row({ id: 'B2', hpan: CARD, amount: '0' }), row({ id: 'D1', hpan: hpanOf(9) }), good];

  test('leaves its bad lines to an operator, and neither dropped nor repeated ones', async () => {
    const sent = await upload(lines);
    expect(sent.body).toMatchObject({ rows: 5, counted: 1, errors: { keptCount: 2, unkeptCount: 0 } });
    const { errors, unkeptCount } = await list(`&file=${FILE_NAME}`);
    expect(errors).toMatchObject([
      { line: 2, code: 'WRONG_COLUMNS', detail: '9 columns', text: cut, file: FILE_NAME, acquirer: '36081' },
      { line: 3, code: 'AMOUNT_INVALID', detail: 'amountCents' },
    ]);
    expect(unkeptCount).toBe(0);
    const first = await list('&limit=1');
    expect(first.errors).toHaveLength(1);
    expect((await list(`&limit=1&cursor=${encodeURIComponent(first.nextCursor!)}`)).errors).toHaveLength(1);
    expect((await list('&file=other')).errors).toEqual([]);
    expect(await day()).toMatchObject({
      acquirers: [
        {
          ...{ acquirer: '36081', files: 1, unfinished: 0, rows: 5, accepted: { rows: 1, cents: 4_500 } },
          ...{ dropped: { rows: 1 }, rejected: { rows: 2 }, repeated: { rows: 1, cents: 4_500 } },
        },
      ],
      files: [{ file: FILE_NAME, state: 'done', rows: 5 }],
    });
  });

  test('sent again keeps nothing new, and each of its rows is a repetition', async () => {
    await upload(lines, FILE_NAME.replace('001', '002'));
    expect((await list()).errors).toHaveLength(2);
    expect((await day()).files[1]).toMatchObject({ rows: 5, accepted: { rows: 0 }, repeated: { rows: 5 } });
  });

  test('has a line put right: it counts, is accounted for, and is closed once', async () => {
    const [bad, zero] = (await list()).errors;
    const resubmit = (id: string, body: unknown) => operator('POST', `/admin/errors/${id}/resubmit`, { body });
    expect(nameOf(await resubmit(bad!.id, {}))).toEqual([400, 'WRONG_COLUMNS']);
    expect(nameOf(await resubmit(bad!.id, { line: row({ id: 'B1', hpan: hpanOf(9) }) }))).toEqual([
      400,
      'INSTRUMENT_NOT_COVERED',
    ]);
    const stranger = row({ id: 'B1', hpan: CARD }).replace('36081', '12345');
    expect(nameOf(await resubmit(bad!.id, { line: stranger }))).toEqual([400, 'SENDER_NOT_ALLOWED']);
    const corrected = row({ id: 'B1', hpan: CARD, amount: '700' });
    const before = await server.engine.stats();
    expect((await resubmit(bad!.id, { line: corrected })).body).toMatchObject({ state: 'taken', operator: 'anna' });
    expect((await server.engine.stats()).paymentsListed).toBe(before.paymentsListed + 1);
    expect(nameOf(await resubmit(bad!.id, { line: corrected }))).toEqual([409, 'ERROR_CLOSED']);
    // As after a death between the two flushes: the row is stored, and the line still open.
    expect((await resubmit(zero!.id, { line: corrected })).body).toMatchObject({ state: 'taken' });
    const { acquirers, files } = await day();
    expect(acquirers[0]!.accepted).toEqual({ rows: 2, cents: 5_200 });
    expect(files.find(({ file, accepted }) => file === `${FILE_NAME}#2` && accepted.rows === 1)).toBeDefined();
  });

  test('has a line dismissed with a reason', async () => {
    await upload(
      [row({ id: 'late', hpan: CARD, date: '2020-12-30T10:00:00.000+01:00' })],
      FILE_NAME.replace('001', '003'),
    );
    const [late] = (await list()).errors;
    expect(late).toMatchObject({ line: 1, code: 'NO_AWARD_PERIOD' });
    const dismiss = (body: unknown) => operator('POST', `/admin/errors/${late!.id}/dismiss`, { body });
    expect(nameOf(await dismiss({}))).toEqual([400, 'FIELD_INVALID']);
    expect((await dismiss({ reason: 'fuori termine' })).body).toMatchObject({
      state: 'dismissed',
      reason: 'fuori termine',
    });
    expect((await list()).errors).toEqual([]);
    const dismissed = await operator('GET', '/admin/errors?state=dismissed');
    expect(dismissed.body).toMatchObject({ errors: [{ id: late!.id, operator: 'anna' }] });
    expect(dismissed.text).not.toContain(';late;');
  });
});

describe('a file from the bank', () => {
  test('leaves its bad lines too, and one goes the way of its file', async () => {
    const body = 'x;KO;;;\n999999999;KO;;;\n';
    const sent = await operator('POST', '/admin/payouts/outcomes?name=esiti.csv', { body });
    expect(sent.body).toMatchObject({ rowCount: 2, takenCount: 0, errors: { keptCount: 2 } });
    server.at('2021-02-11T12:00:01+01:00');
    await operator('POST', '/admin/payouts/complaints', { body: 'a;b' });
    const { errors } = await list();
    expect(errors).toMatchObject([
      { line: 1, code: 'FIELD_INVALID', detail: 'id', file: 'esiti.csv', kind: 'outcomes' },
      { line: 2, code: 'PAYOUT_NOT_FOUND', text: '999999999;KO;;;' },
      { line: 1, code: 'WRONG_COLUMNS', detail: '2 columns', file: 'complaints', kind: 'complaints' },
    ]);
    const unknown = await operator('POST', `/admin/errors/${errors[1]!.id}/resubmit`, { body: {} });
    expect(nameOf(unknown)).toEqual([404, 'PAYOUT_NOT_FOUND']);
    const own = await made();
    const taken = await operator('POST', `/admin/errors/${errors[1]!.id}/resubmit`, { body: { line: `${own};KO;;;` } });
    // The very answer that the row of a file would have had: it was not sent yet.
    expect(nameOf(taken)).toEqual([409, 'PAYOUT_NOT_SENT']);
    expect(nameOf(await operator('POST', '/admin/payouts/outcomes?name=', { body }))).toEqual([400, 'FIELD_INVALID']);
  });

  async function made(): Promise<number> {
    await operator('POST', '/bpd/notification-manager/winners?awardPeriodId=1');
    const own = await operator('POST', '/admin/payouts/of', { body: { citizen: makeTaxCode(0) } });
    return (own.body as { readonly payouts: readonly { readonly id: number }[] }).payouts[0]!.id;
  }

  test('that does not say its size ends at the largest that any may have', async () => {
    const piece = Buffer.alloc(1_048_576, 'x');
    let sentBytes = 0;
    const body = new ReadableStream({
      pull(controller) {
        sentBytes += piece.length;
        if (sentBytes > 2 * LIMITS.fileBytesMax) controller.close();
        else controller.enqueue(piece);
      },
    });
    const token = await server.token('operator', 'anna');
    const headers = { authorization: `Bearer ${token}` };
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    const status = await fetch(`${server.url}/admin/payouts/outcomes`, init).then(
      (response) => response.status,
      () => 413, // Who is refused in the middle of sending may see the connection end first.
    );
    expect(status).toBe(413);
    expect(sentBytes).toBeLessThan(2 * LIMITS.fileBytesMax);
  });
});

test('nonsense is refused by the name of the field, and nobody but operators sees any of it', async () => {
  for (const [path, detail] of [
    ['/admin/reconciliation?day=', 'day'],
    ['/admin/reconciliation?day=2021-02-30', 'day'],
    ['/admin/reconciliation?day=2021-02-11&acquirer=x', 'acquirer'],
    ['/admin/errors?state=lost', 'state'],
    ['/admin/errors?limit=0', 'limit'],
    ['/admin/errors?limit=x', 'limit'],
  ] as const) {
    expect(await operator('GET', path), path).toMatchObject({ status: 400, body: { name: 'FIELD_INVALID', detail } });
  }
  expect(await day('&acquirer=99999')).toMatchObject({ acquirers: [], files: [] });
  expect((await operator('GET', '/admin/reconciliation')).body).toEqual(await day(''));
  expect(nameOf(await operator('POST', '/admin/errors/x/resubmit', { body: {} }))).toEqual([404, 'ERROR_NOT_FOUND']);
  const token = await server.token('acquirer', '36081');
  for (const path of ['/admin/reconciliation?day=2021-02-11', '/admin/errors']) {
    expect(nameOf(await server.call('GET', path, { token })), path).toEqual([403, 'FORBIDDEN']);
  }
});
