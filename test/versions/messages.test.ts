// Method: the situations of domain 6.5 are brought about one by one, and what is said is held to the table; the texts that
// the press quoted are written down again here, as it quoted them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REFUSALS, type Refused } from '../../engine/index.ts';
import { mayUse } from '../../server/identity/roles.ts';
import type { MethodSearch } from '../../server/partners/index.ts';
import type { Searched } from '../../server/partners/method-search.ts';
import { MESSAGES, type MessageCode, standingMessage } from '../../server/wire/index.ts';
import { HttpServer } from '../http/http-server.ts';
import { type Asked, anna, Front, newId } from '../session/front.ts';
import { hpan } from '../support/world.ts';

const QUOTED: Partial<Record<MessageCode, string>> = {
  WALLET_NOT_LOADED: 'Non è stato possibile caricare i tuoi metodi di pagamento, riprova per piacere',
  CARD_NOT_SAVED: 'Si è verificato un errore temporaneo nel salvataggio di questa carta',
  BANCOMAT_SEARCH_FAILED: 'Non siamo riusciti a recuperare le tue carte PagoBancomat',
};

test('each message has both languages, the quoted ones as they were quoted, and none repeats a refusal', () => {
  const refusals = Object.values(REFUSALS).flatMap(({ text, testo }) => [text, testo] as string[]);
  const all = Object.values(MESSAGES).flatMap(({ text, testo }) => [text, testo] as string[]);
  expect(new Set([...refusals, ...all]).size).toBe(new Set(refusals).size + all.length);
  for (const [code, testo] of Object.entries(QUOTED)) expect(MESSAGES[code as MessageCode].testo).toBe(testo);
  expect(MESSAGES.SERVICE_COMING.testo).toMatch(
    /^Il cashback sta arrivando! A breve potrai attivare il cashback.*: attendi/,
  );
  expect(MESSAGES.SERVICE_COMING.testo).toMatch(/il prossimo aggiornamento di IO!$/);
});

describe('a request that fails for a while', () => {
  let front: Front;
  beforeEach(async () => {
    front = await Front.open();
  });
  afterEach(() => front.world.engine.close());

  const DETAILS = { methodKind: 'card' } as const;
  test.each<[Asked, MessageCode]>([
    [{ type: 'wallet' }, 'WALLET_NOT_LOADED'],
    [{ type: 'addMethod', id: newId(), hpan: hpan(1), details: DETAILS }, 'CARD_NOT_SAVED'],
    [{ type: 'leave', id: newId() }, 'NOT_LEFT'],
    [{ type: 'payments', awardPeriodId: 2 }, 'PAYMENTS_NOT_LISTED'],
  ])('is told to the citizen in the words of the app: %j', async (request, messageCode) => {
    const citizen = await front.connect('citizen', anna);
    const other = await front.connect(mayUse('issuer', request.type) ? 'issuer' : 'operator', '12345');
    await front.handlers.drain();
    const { text: message, testo: messageIt } = MESSAGES[messageCode];
    const expected = { ok: false, code: 'DRAINING', message, messageIt, messageCode, retryAtMs: expect.any(Number) };
    expect(await citizen.ask(request)).toMatchObject(expected);
    const plain = await other.ask({ ...request, taxCode: anna });
    expect(plain).toMatchObject({ ok: false, code: 'DRAINING', message: REFUSALS.DRAINING.text });
    expect(plain).not.toHaveProperty('messageCode');
  });

  test('another refusal of the same request says what it always says, and another request too', async () => {
    const citizen = await front.connect('citizen', anna);
    const { text } = REFUSALS.CITIZEN_NOT_FOUND;
    expect(await citizen.ask({ type: 'wallet' })).toMatchObject({ code: 'CITIZEN_NOT_FOUND', message: text });
    await front.handlers.drain();
    const reply = await citizen.ask({ type: 'total', awardPeriodId: 2 });
    expect(reply).toMatchObject({ code: 'DRAINING', message: REFUSALS.DRAINING.text });
  });
});

describe('a search for PagoBANCOMAT cards', () => {
  const FOUND = { id: '9999000000000001', abi: '03069', brand: 'PAGOBANCOMAT', lastDigits: '0001', expiry: '' };
  const SILENT = { abi: '01005', name: 'Banca Muta' };
  const gone: Refused = { ok: false, code: 'PARTNER_UNAVAILABLE' };
  const searched = (methods: Searched['methods'], silent: Searched['silent']) =>
    ({ ok: true, value: { methods, silent } }) as const;

  test.each([
    ['fails', '', gone, 504, 'BANCOMAT_SEARCH_FAILED'],
    ['at one bank, which does not answer', '?abi=01005', searched([], [SILENT]), 200, 'BANCOMAT_SEARCH_FAILED'],
    ['at all banks, of which one does not answer', '', searched([FOUND], [SILENT]), 200, 'BANCOMAT_BANKS_SILENT'],
    ['finds none', '', searched([], []), 200, 'BANCOMAT_NOT_FOUND'],
    ['finds some', '', searched([FOUND], []), 200, undefined],
  ] as const)('that %s', async (_what, query, result, status, messageCode) => {
    const methodSearch: MethodSearch = { banks: async () => gone, search: async () => result };
    const server = await HttpServer.open({ methodSearch });
    const token = await server.token('citizen', anna);
    const bancomat = await server.call('GET', `/v1/bancomat/pans${query}`, { token });
    expect(bancomat.status).toBe(status);
    expect((bancomat.body as { readonly messageCode?: unknown }).messageCode).toBe(messageCode);
    // The app had no such words for the other kinds.
    const other = await server.call('GET', '/v1/bpay/list', { token });
    expect(other.body).not.toHaveProperty('messageCode');
    await server.close();
  });
});

test.each([
  [49, 0, false, 'BELOW_MINIMUM'],
  [49, 150_00, false, 'BELOW_MINIMUM'],
  [50, 149_99, false, 'CASHBACK_UNLOCKED'],
  [50, 150_00, false, 'CAP_REACHED'],
  [59, 100_00, false, 'CASHBACK_UNLOCKED'],
  [60, 100_00, false, null],
  [60, 200_00, false, 'CAP_REACHED'],
  [200, 200_00, true, 'WOULD_WIN'],
  [10, 0, true, 'WOULD_WIN'],
])(
  'with %i payments and %i cents, would win: %s, one is told %s',
  (transactionNumber, rawCents, wouldWin, expected) => {
    const period = { minTransactionNumber: 50, maxPeriodCashbackCents: 150_00 };
    expect(standingMessage({ transactionNumber, rawCents }, period, { wouldWin })).toBe(expected);
    if (!wouldWin) expect(standingMessage({ transactionNumber, rawCents }, period, undefined)).toBe(expected);
  },
);
