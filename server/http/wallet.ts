/**
 * The wallet's keeper as the app called it (domain 6.3): what is listed, and where more may be found. The list comes from
 * the engine alone (R16); adding is one command and the same method however often it is sent (R4, R14).
 */
import * as v from 'valibot';
import { type CommandId, isoText, LIMITS, type MethodDetails, type MethodView, type Read } from '../../engine/index.ts';
import type { WalletSessions } from '../identity/identity.ts';
import type { Bank, CardCharges, CardVault, FoundMethod, MethodSearch, SearchKind } from '../partners/index.ts';
import { type Feature, type MessageCode, say } from '../wire/index.ts';
import { verifyCard } from './card-verification.ts';
import { type Citizen, type CitizenCallOptions, execute, readCommand, readCommandBody } from './citizen-call.ts';
import { furtherId } from './command-id.ts';
import { CITIZEN, citizenOf } from './io-call.ts';
import { KeptSearches, type LateAnswer } from './kept-searches.ts';
import { type Answer, json, NO_CONTENT, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';
import { described, idOf, methodResource } from './wallet-resources.ts';

export interface WalletOptions extends CitizenCallOptions {
  readonly cardVault: CardVault;
  readonly methodSearch: MethodSearch;
  readonly cardCharges: CardCharges;
  readonly walletSessions: WalletSessions;
  readonly monotonicMs: () => number;
}

interface Searching {
  readonly kind: SearchKind;
  readonly find: string;
  /** Where it is asked for again by its id. Absent: nowhere. */
  readonly findAgain?: string;
  /** Query parameter that names a bank; null: there are none to choose from. */
  readonly bank: string | null;
  readonly add: string;
}

const SEARCHES: readonly Searching[] = [
  { kind: 'bancomat', find: '/v1/bancomat/pans', bank: 'abi', add: '/v1/bancomat/add-wallets' },
  { kind: 'bpay', find: '/v1/bpay/list', bank: 'abi', add: '/v1/bpay/add-wallets' },
  {
    kind: 'cobadge',
    ...{ find: '/v1/cobadge/pans', findAgain: '/v1/cobadge/search/:id' },
    ...{ bank: 'abiCode', add: '/v1/cobadge/add-wallets' },
  },
  { kind: 'satispay', find: '/v1/satispay/consumers', bank: null, add: '/v1/satispay/add-wallet' },
];

export function walletRoutes(options: WalletOptions): readonly Route[] {
  const finding = { ...options, searches: new KeptSearches(options.monotonicMs) };
  const route = (
    method: Route['method'],
    path: string,
    handle: (call: Call) => Promise<Answer>,
    more: Pick<Route, 'feature' | 'failure' | 'function'> = {},
  ): Route => ({ method, path, roles: CITIZEN, takesWalletSession: true, handle, ...more });
  const listing = { failure: 'WALLET_NOT_LOADED', function: 'wallet' } as const;
  const notSaved = { failure: 'CARD_NOT_SAVED' } as const;
  const saving = { ...notSaved, function: 'addMethod' } as const;
  return [
    {
      method: 'GET',
      path: '/v1/users/actions/start-session',
      roles: CITIZEN,
      handle: (call) => startSession(options, call),
    },
    ...['/v1/wallet', '/v2/wallet'].map((path) => route('GET', path, (call) => readWallet(options, call), listing)),
    route('POST', '/v1/wallet/cc', (call) => addCard(options, call), saving),
    route('POST', '/v1/payments/cc/actions/pay', (call) => verifyCard(options, call), { feature: 'card', ...notSaved }),
    route('DELETE', '/v1/wallet/:id', (call) => removeMethod(options, call)),
    route('POST', '/v1/wallet/:id/actions/favourite', (call) => setFavourite(options, call)),
    route('POST', '/v1/wallet/actions/enable-cashback', (call) => enableAll(options, call), {
      function: 'enableCashback',
    }),
    route('GET', '/v1/bancomat/abi', () => readBanks(options), searchingFor('bancomat')),
    ...SEARCHES.flatMap((search) => [
      route('GET', search.find, (call) => findMethods(finding, call, search), searchingFor(search.kind)),
      ...(search.findAgain === undefined
        ? []
        : [route('GET', search.findAgain, (call) => findAgain(finding, call, search), searchingFor(search.kind))]),
      route('POST', search.add, (call) => addFound(options, call, search), saving),
    ]),
  ];
}

/** The app has words for a search that fails only where it is one of debit cards. */
function searchingFor(kind: SearchKind): { readonly feature: Feature; readonly failure?: MessageCode } {
  return kind === 'bancomat' ? { feature: kind, failure: 'BANCOMAT_SEARCH_FAILED' } : { feature: kind };
}

/** With an ordinary token only: no session prolongs itself. */
async function startSession({ walletSessions }: WalletOptions, { principal }: Call): Promise<Answer> {
  const { token, expiresAtMs } = await walletSessions.open(principal);
  return json({ data: { sessionToken: token, expires: isoText(expiresAtMs) } });
}

// What is listed

async function readWallet({ engine }: WalletOptions, call: Call): Promise<Answer> {
  const wallet = await engine.wallet(citizenOf(engine, call).key);
  if (!wallet.ok) return wallet.code === 'CITIZEN_NOT_FOUND' ? json({ data: [] }) : wallet;
  const { methods, favourite } = wallet.value;
  return json({ data: methods.flatMap((method) => methodResource(method, favourite)) });
}

async function removeMethod(options: WalletOptions, call: Call): Promise<Answer> {
  const done = await changeMethod(options, call, 'removeMethod');
  return done.ok ? NO_CONTENT : done;
}

/** One at a time: the one before is none any more. The app is told the method, as the list has it. */
async function setFavourite(options: WalletOptions, call: Call): Promise<Answer> {
  const done = await changeMethod(options, call, 'setFavourite');
  if (!done.ok) return done;
  const { hpan } = done.value;
  return json({ data: methodResource(done.value, hpan)[0] });
}

/** METHOD_NOT_FOUND where no method of the wallet has the id. */
async function changeMethod(
  options: WalletOptions,
  call: Call,
  kind: 'removeMethod' | 'setFavourite',
): Promise<Read<MethodView>> {
  const { engine } = options;
  const citizen = citizenOf(engine, call);
  const wallet = await engine.wallet(citizen.key);
  if (!wallet.ok) return wallet;
  const method = wallet.value.methods.find(({ hpan }) => String(idOf(hpan)) === call.parameters.id);
  if (method === undefined) return refuse('METHOD_NOT_FOUND');
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const reply = await execute(engine, citizen, sent.value.id, { kind, hpan: method.hpan });
  return reply.ok ? { ok: true, value: method } : reply;
}

/**
 * All that the wallet lists and that is not enabled yet, in one command: registering a method never enables it (domain 2.3).
 * The real app had no such call, and asked for each method by itself. `refused`: somebody else has cashback on those.
 */
async function enableAll(options: WalletOptions, call: Call): Promise<Answer> {
  const { engine } = options;
  const sent = await readCommand(options, call);
  if (!sent.ok) return sent;
  const reply = await execute(engine, citizenOf(engine, call), sent.value.id, { kind: 'enableAll' });
  if (!reply.ok) return reply;
  const { enabled = [], refused = [] } = reply.answer;
  const named = (hpans: readonly string[]) => hpans.map((hashPan) => ({ idWallet: idOf(hashPan), hashPan }));
  return json({ enabled: named(enabled), refused: named(refused) });
}

// Adding

const cardBody = v.object({
  data: v.object({
    creditCard: v.object({
      pan: v.pipe(v.string(), v.regex(/^\d{12,19}$/)),
      brand: v.optional(v.pipe(v.string(), v.maxLength(32)), ''),
      expireMonth: v.pipe(v.string(), v.regex(/^(0[1-9]|1[0-2])$/)),
      expireYear: v.pipe(v.string(), v.regex(/^\d{2}(\d{2})?$/)),
    }),
  }),
});

async function addCard(options: WalletOptions, call: Call): Promise<Answer> {
  const sent = await readCommandBody(options, call, cardBody);
  if (!sent.ok) return sent;
  const { pan, brand, expireMonth, expireYear } = sent.value.body.data.creditCard;
  const hpan = await options.cardVault.hash(pan);
  if (!hpan.ok) return hpan;
  const expiry = `${expireYear.padStart(4, '20')}-${expireMonth}`;
  const details = { methodKind: 'card', brand, lastDigits: pan.slice(-4), expiry, issuerAbi: '' } as const;
  const method = { hpan: hpan.value, details };
  return added(options, citizenOf(options.engine, call), sent.value.id, [method]);
}

const foundBody = v.object({
  data: v.pipe(
    v.array(
      v.object({
        info: v.object({
          hashPan: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
          brand: v.optional(v.pipe(v.string(), v.maxLength(32)), ''),
          blurredNumber: v.optional(v.pipe(v.string(), v.regex(/^\d{0,4}$/)), ''),
          issuerAbiCode: v.optional(v.pipe(v.string(), v.regex(/^\d{0,5}$/)), ''),
          expireMonth: v.optional(v.pipe(v.string(), v.regex(/^(0[1-9]|1[0-2])$/))),
          expireYear: v.optional(v.pipe(v.string(), v.regex(/^\d{4}$/))),
        }),
      }),
    ),
    v.minLength(1),
    v.maxLength(LIMITS.methodCountMax),
  ),
});

/** What a search found, as it was told. */
async function addFound(options: WalletOptions, call: Call, { kind }: Searching): Promise<Answer> {
  const sent = await readCommandBody(options, call, foundBody);
  if (!sent.ok) return sent;
  const methods = sent.value.body.data.map(({ info }) => {
    const { hashPan, brand, blurredNumber, issuerAbiCode, expireMonth, expireYear } = info;
    const expiry = expireMonth === undefined || expireYear === undefined ? '' : `${expireYear}-${expireMonth}`;
    const details = { methodKind: kind, brand, lastDigits: blurredNumber, expiry, issuerAbi: issuerAbiCode };
    return { hpan: hashPan, details };
  });
  return added(options, citizenOf(options.engine, call), sent.value.id, methods);
}

interface Method {
  readonly hpan: string;
  readonly details: MethodDetails;
}

/** One after the other, each with an id of its own: whoever is cut off in between sends all of it again. */
async function added(
  { engine }: WalletOptions,
  citizen: Citizen,
  id: CommandId,
  methods: readonly Method[],
): Promise<Answer> {
  for (const [index, { hpan, details }] of methods.entries()) {
    const own = index === 0 ? id : furtherId(id, String(index));
    const reply = await execute(engine, citizen, own, { kind: 'addMethod', hpan, details });
    if (!reply.ok) return reply;
  }
  return json({ data: methods.map(({ hpan, details }) => ({ idWallet: idOf(hpan), ...described(hpan, details) })) });
}

// Finding

async function readBanks({ methodSearch }: WalletOptions): Promise<Answer> {
  const banks = await methodSearch.banks();
  return banks.ok ? json({ data: banks.value }) : banks;
}

interface FindingOptions extends WalletOptions {
  readonly searches: KeptSearches;
}

/** `messages` names the banks that did not answer: they may have more (R15). */
async function findMethods(options: FindingOptions, call: Call, searching: Searching): Promise<Answer> {
  const { kind, bank, findAgain: again } = searching;
  const { subject } = call.principal;
  const abi = bank === null ? null : call.request.query.get(bank);
  const searched = await options.methodSearch.search(kind, subject, abi === '' ? null : abi);
  if (!searched.ok) return searched;
  const { silent } = searched.value;
  const methods = await hashed(options, kind, searched.value.methods);
  if (!methods.ok) return methods;
  const data = methods.value;
  const found = kind === 'bancomat' ? searchMessage(data.length, silent.length, abi) : null;
  return json({
    ...foundResource(data, silent),
    ...(again === undefined ? {} : { searchRequestId: options.searches.keep({ subject, methods: data, silent }) }),
    ...(found === null ? {} : say(found)),
  });
}

/**
 * The whole of a search again, with what banks have to say by now that owed an answer; the others are not asked again, so that
 * nothing that was found is lost to a bank's bad moment. NOT_FOUND for who has no such search, or had it too long ago.
 */
async function findAgain(options: FindingOptions, call: Call, { kind }: Searching): Promise<Answer> {
  const { methodSearch, searches } = options;
  const { subject } = call.principal;
  const searchRequestId = call.parameters.id ?? '';
  const kept = searches.find(searchRequestId, subject);
  if (kept === undefined) return refuse('NOT_FOUND');
  const asked = await Promise.all(kept.silent.map(({ abi }) => methodSearch.search(kind, subject, abi)));
  const answers: LateAnswer[] = [];
  for (const [index, searched] of asked.entries()) {
    // A bank that is listed no more stays without an answer.
    if (!searched.ok || searched.value.silent.length > 0) continue;
    const methods = await hashed(options, kind, searched.value.methods);
    if (!methods.ok) return methods;
    answers.push({ abi: kept.silent[index]!.abi, methods: methods.value });
  }
  const { methods, silent } = searches.complete(searchRequestId, kept, answers);
  return json({ ...foundResource(methods, silent), searchRequestId });
}

async function hashed(
  { cardVault }: WalletOptions,
  kind: SearchKind,
  found: readonly FoundMethod[],
): Promise<Read<readonly object[]>> {
  const methods: object[] = [];
  for (const { id, brand, lastDigits, expiry, abi: issuerAbi } of found) {
    const hpan = await cardVault.hash(id);
    if (!hpan.ok) return hpan;
    methods.push(described(hpan.value, { methodKind: kind, brand, lastDigits, expiry, issuerAbi }));
  }
  return { ok: true, value: methods };
}

function foundResource(data: readonly object[], silent: readonly Bank[]): object {
  return { data, messages: silent.map(({ abi, name }) => ({ abi, participantName: name, code: 'KO' })) };
}

/** What the app says of a search that came to an end (domain 6.5). */
function searchMessage(foundCount: number, silentCount: number, abi: string | null): MessageCode | null {
  if (silentCount > 0) return abi === null ? 'BANCOMAT_BANKS_SILENT' : 'BANCOMAT_SEARCH_FAILED';
  return foundCount === 0 ? 'BANCOMAT_NOT_FOUND' : null;
}
