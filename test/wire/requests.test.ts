// Method: good requests of every type, then each of them with one thing wrong; the schema of rows is held against
// the engine's own rules over seeded rows, so that documents and behaviour cannot drift apart.
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { checkRecordFields, italy2020, LIMITS, romeDayNumber } from '../../engine/index.ts';
import {
  asyncApi,
  checkRequest,
  paymentRow,
  REQUESTS,
  type RequestType,
  WIRE_LIMITS,
} from '../../server/wire/index.ts';
import { Random, seed } from '../support/random.ts';
import { ALL_SAMPLES, HPAN, ID, ROW, SAMPLES } from './samples.ts';

const PAN = '4111 1111 1111 1111';

function faultOf(value: unknown): unknown {
  const check = checkRequest(value);
  return check.ok ? 'accepted' : { ref: check.ref, code: check.code, detail: check.detail };
}

test('the sizes of the wire are those of the engine', () => {
  expect(WIRE_LIMITS).toMatchObject({
    rowsMax: LIMITS.rowsPerFrameMax,
    tokensMax: LIMITS.tokenCountMax,
    paymentsPageMax: LIMITS.paymentsPageMax,
    rankingPageMax: LIMITS.rankingPageMax,
  });
});

test('every type of request is accepted in its good form', () => {
  for (const sample of ALL_SAMPLES) expect([sample.type, faultOf(sample)]).toEqual([sample.type, 'accepted']);
});

test('ids and hashes reach the engine in one spelling', () => {
  const check = checkRequest({ ...SAMPLES.removeMethod, id: ID.toUpperCase(), hpan: HPAN.toUpperCase() });
  expect(check).toMatchObject({ ok: true, request: { id: ID.replaceAll('-', ''), hpan: HPAN } });
  const dashless = checkRequest({ ...SAMPLES.removeMethod, id: ID.replaceAll('-', '') });
  expect(dashless).toMatchObject({ ok: true, request: { id: ID.replaceAll('-', '') } });
});

test('details that were left out are empty', () => {
  const check = checkRequest({ ...SAMPLES.addMethod, details: { methodKind: 'satispay' } });
  const details = { methodKind: 'satispay', brand: '', lastDigits: '', expiry: '', issuerAbi: '' };
  expect(check).toMatchObject({ ok: true, request: { details } });
});

describe('a refusal names the request, the code and the field', () => {
  test.each<[string, unknown, unknown]>([
    ['no map', [1], { ref: null, code: 'BAD_FRAME' }],
    ['nothing', null, { ref: null, code: 'BAD_FRAME' }],
    ['no type', { ref: 1 }, { ref: 1, code: 'UNKNOWN_COMMAND', detail: 'type' }],
    ['unknown type', { ref: 1, type: 'steal' }, { ref: 1, code: 'UNKNOWN_COMMAND', detail: 'type' }],
    ['a type of Object', { ref: 1, type: 'toString' }, { ref: 1, code: 'UNKNOWN_COMMAND' }],
    ['the prototype as type', { ref: 1, type: '__proto__' }, { ref: 1, code: 'UNKNOWN_COMMAND' }],
    ['no ref', { type: 'periods' }, { ref: null, code: 'FIELD_INVALID', detail: 'ref' }],
    ['negative ref', { ref: -1, type: 'periods' }, { ref: null, code: 'FIELD_INVALID', detail: 'ref' }],
    ['half a ref', { ref: 0.5, type: 'periods' }, { ref: null, code: 'FIELD_INVALID', detail: 'ref' }],
    ['no id', { ref: 1, type: 'leave' }, { ref: 1, code: 'FIELD_INVALID', detail: 'id' }],
    ['short id', { ...SAMPLES.leave, id: ID.slice(1) }, { ref: 2, detail: 'id' }],
    ['dashes in odd places', { ...SAMPLES.leave, id: ID.replace('-', '') }, { ref: 2, detail: 'id' }],
    ['unknown field', { ...SAMPLES.leave, hpan: HPAN }, { ref: 2, code: 'FIELD_INVALID', detail: 'hpan' }],
    ['short hpan', { ...SAMPLES.removeMethod, hpan: HPAN.slice(1) }, { detail: 'hpan' }],
    ['a pan of 11 digits', { ...SAMPLES.addMethod, pan: '1'.repeat(11) }, { detail: 'pan' }],
    ['a pan of 20 digits', { ...SAMPLES.addMethod, pan: '1'.repeat(20) }, { detail: 'pan' }],
    ['deep field', { ...SAMPLES.addMethod, details: { methodKind: 'cheque' } }, { detail: 'details.methodKind' }],
    ['16 tokens and one', { ...SAMPLES.enableCashback, tokens: Array(17).fill(HPAN) }, { detail: 'tokens' }],
    ['one bad token', { ...SAMPLES.enableCashback, tokens: [HPAN, 'x'] }, { detail: 'tokens.1' }],
    ['a page of 101', { ...SAMPLES.payments, limit: 101 }, { detail: 'limit' }],
    ['rank zero', { ...SAMPLES.rankingPage, firstRank: 0 }, { detail: 'firstRank' }],
    ['a page of ranks of 1,001', { ...SAMPLES.rankingPage, count: 1_001 }, { detail: 'count' }],
    ['no rows', { ...SAMPLES.recordPayments, rows: [] }, { detail: 'rows' }],
    ['513 rows', { ...SAMPLES.recordPayments, rows: Array(513).fill(ROW) }, { detail: 'rows' }],
    ['a row that is no map', { ...SAMPLES.recordPayments, rows: [ROW, 5] }, { detail: 'rows.1' }],
    ['unknown topic', { ...SAMPLES.subscribe, topics: ['all'] }, { detail: 'topics.0' }],
    ['an unsafe number', { ...SAMPLES.total, awardPeriodId: 2 ** 53 }, { detail: 'awardPeriodId' }],
    ['a bigint', { ...SAMPLES.total, awardPeriodId: 1n }, { detail: 'awardPeriodId' }],
    ['NaN', { ...SAMPLES.total, awardPeriodId: Number.NaN }, { detail: 'awardPeriodId' }],
  ])('%s', (_, value, fault) => {
    expect(faultOf(value)).toMatchObject(fault as object);
  });

  test('the last allowed sizes are accepted', () => {
    expect(faultOf({ ...SAMPLES.enableCashback, tokens: Array(16).fill(HPAN) })).toBe('accepted');
    expect(faultOf({ ...SAMPLES.recordPayments, rows: Array(512).fill(ROW) })).toBe('accepted');
    expect(faultOf({ ...SAMPLES.payments, limit: 100 })).toBe('accepted');
    expect(faultOf({ ...SAMPLES.addMethod, pan: '1'.repeat(12) })).toBe('accepted');
    expect(faultOf({ ...SAMPLES.addMethod, pan: '1'.repeat(19) })).toBe('accepted');
  });
});

describe('fault 60: a card number', () => {
  /** Every path of a string in a value, with the value that has `text` there instead. */
  function* withText(value: unknown, text: string, path = ''): Generator<readonly [string, unknown]> {
    if (typeof value === 'string') yield [path, text];
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      for (const [at, changed] of withText((value as Record<string, unknown>)[key], text, `${path}.${key}`)) {
        yield [at, Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed }];
      }
    }
  }

  test.each([PAN, PAN.replaceAll(' ', ''), PAN.replaceAll(' ', '-'), '5500005555555559', '340000000000009'])(
    '%s is refused in every field but `pan`, and never repeated',
    (pan) => {
      for (const sample of ALL_SAMPLES) {
        if (sample.type === 'recordPayments' || sample.type === 'authenticate') continue; // Rows: see the session.
        for (const [path, changed] of withText(sample, pan)) {
          const check = checkRequest(changed);
          if (path === '.pan' && !/\D/.test(pan)) expect(check.ok).toBe(true);
          else expect([sample.type, path, check.ok]).toEqual([sample.type, path, false]);
          if (!check.ok) expect(JSON.stringify(check)).not.toContain(pan.slice(0, 4));
        }
      }
    },
  );

  test('inside a longer text is found too', () => {
    expect(faultOf({ ...SAMPLES.setIban, accountHolderName: `card ${PAN}!` })).toMatchObject({ code: 'FIELD_INVALID' });
  });

  test('has nothing to do with an IBAN, whatever its digits', () => {
    // The account part is 4111111111111111 with a letter before it.
    expect(faultOf({ ...SAMPLES.setIban, iban: 'IT60X4111111111111111A00000' })).toBe('accepted');
  });
});

test('text with control characters or broken surrogates is refused', () => {
  for (const text of ['line\nbreak', 'nul\0', 'esc\u001b[31m', 'half \ud800']) {
    expect(faultOf({ ...SAMPLES.setIban, accountHolderName: text })).toMatchObject({ detail: 'accountHolderName' });
  }
});

test('the schema of rows and the engine’s rules accept the same rows', () => {
  const random = new Random(seed);
  const context = {
    sender: ROW.acquirerCode,
    programme: italy2020(),
    todayDayNumber: romeDayNumber(Date.UTC(2021, 5, 1)),
  };
  const texts = [
    '',
    'x',
    '00',
    '01',
    '123456',
    '12345678',
    '978',
    HPAN,
    'y'.repeat(255),
    'y'.repeat(256),
    'z'.repeat(21),
  ];
  const names = [...Object.keys(paymentRow.entries), 'unknown'];
  let accepted = 0;
  for (let step = 0; step < 5_000; step += 1) {
    const row: Record<string, unknown> = { ...ROW };
    const name = random.pick(names);
    // What depends on more than the form of the column is not the schema's to say.
    if (name === 'acquirerCode' || name === 'trxDate') continue;
    if (random.below(4) === 0) delete row[name];
    else
      row[name] = name === 'amountCents' ? random.pick([0, 1, -1, 1.5, 9_999_999_999, 1e10, '5']) : random.pick(texts);
    const bySchema = v.safeParse(paymentRow, row).success;
    const byEngine = checkRecordFields(row, context).ok;
    expect([name, row[name], bySchema], `seed=${seed} step=${step}`).toEqual([name, row[name], byEngine]);
    if (bySchema) accepted += 1;
  }
  expect(accepted).toBeGreaterThan(500);
});

test('the AsyncAPI document holds every request with its reply', () => {
  const document = asyncApi('0.1.0') as {
    operations: Record<string, { reply?: { messages: { $ref: string }[] } }>;
    channels: { socket: { messages: Record<string, unknown> } };
    components: { messages: Record<string, { payload: { required: string[]; properties: Record<string, unknown> } }> };
  };
  const { components, operations, channels } = document;
  for (const type of Object.keys(REQUESTS) as RequestType[]) {
    expect(components.messages[type]!.payload).toMatchObject({ additionalProperties: false });
    expect(components.messages[type]!.payload.required).toContain('ref');
    expect(components.messages[type]!.payload.properties).toMatchObject({ type: { const: type } });
    for (const { $ref } of operations[type]!.reply!.messages) {
      expect(channels.socket.messages).toHaveProperty($ref.split('/').at(-1)!);
    }
  }
  expect(components.messages.addMethod!.payload.properties).toMatchObject({
    pan: { type: 'string', pattern: '^[0-9]{12,19}$' },
    details: { properties: { methodKind: { enum: expect.arrayContaining(['card', 'satispay']) } } },
  });
  expect(components.messages.recordPayments!.payload.properties).toMatchObject({
    rows: { minItems: 1, maxItems: 512 },
  });
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
});
