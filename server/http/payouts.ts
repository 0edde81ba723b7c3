/** Paying a period, for operators: the real programme's admin addresses (domain 6.3), and what they lacked. */
import * as v from 'valibot';
import {
  type Clock,
  checkTaxCode,
  type Engine,
  isLine,
  isoText,
  PAYOUTS_FILTERS,
  type PayoutsFilter,
  type PayoutView,
} from '../../engine/index.ts';
import { BadLines, type ErrorStore } from '../errors/index.ts';
import { consapFile, type PayoutDesk, type PayoutFormat, type SaidOfFiles, sepaFile } from '../payout/index.ts';
import { MeasuredBody, readObject, refusedFile } from './body.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Method, Route } from './route.ts';

export interface PayoutRoutesOptions {
  readonly engine: Engine;
  readonly payouts: PayoutDesk;
  readonly clock: Clock;
  /** Where lines in error are kept. Absent: nowhere. */
  readonly errors?: Pick<ErrorStore, 'keep'> | undefined;
}

const WINNERS = '/bpd/notification-manager/winners';
const PAYOUTS = '/admin/payouts';

export function payoutRoutes(options: PayoutRoutesOptions): readonly Route[] {
  const { engine, payouts } = options;
  const route = (method: Method, path: string, handle: (call: Call) => Promise<Answer>): Route => {
    return { method, path, roles: ['operator'], handle };
  };
  return [
    route('POST', WINNERS, (call) => make(payouts, call)),
    route('POST', `${WINNERS}/consap`, (call) => exportConsap(payouts, call)),
    route('POST', `${WINNERS}/restore`, (call) => restore(payouts, call)),
    route('POST', `${PAYOUTS}/sepa`, (call) => exportSepa(payouts, call)),
    route('GET', `${PAYOUTS}/export`, async () => json({ export: payouts.state })),
    route('POST', `${PAYOUTS}/outcomes`, (call) => takeIn(options, call, 'outcomes')),
    route('POST', `${PAYOUTS}/complaints`, (call) => takeIn(options, call, 'complaints')),
    route('GET', `${PAYOUTS}/files`, async () => readFiles(engine)),
    route('POST', `${PAYOUTS}/of`, (call) => readOwn(engine, call)),
    route('GET', PAYOUTS, (call) => readPage(engine, call)),
  ];
}

/** `?awardPeriodId=…&fundsCents=…`: funds only where there may be less than what is due. */
async function make(payouts: PayoutDesk, { request }: Call): Promise<Answer> {
  const awardPeriodId = wholeNumber(request.query.get('awardPeriodId'));
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const text = request.query.get('fundsCents');
  const fundsCents = text === null ? null : wholeNumber(text);
  if (text !== null && fundsCents === null) return refuse('FIELD_INVALID', 'fundsCents');
  const made = await payouts.make(awardPeriodId, fundsCents);
  return made.ok ? json(made.value) : made;
}

const id = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The last file that was sent: only of an export that was cut short, and then this one goes on behind it. */
const consapBody = v.object({ awardPeriodId: id, lastChunkFilenameSent: v.optional(v.string()) });

async function exportConsap(payouts: PayoutDesk, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, consapBody);
  if (!asked.ok) return asked;
  return begin(payouts, asked.value.awardPeriodId, consapFile, asked.value.lastChunkFilenameSent);
}

const sepaBody = v.object({
  awardPeriodId: id,
  debtorName: v.string(),
  debtorIban: v.string(),
  debtorBic: v.optional(v.string()),
  executionDay: v.string(),
});

async function exportSepa(payouts: PayoutDesk, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, sepaBody);
  if (!asked.ok) return asked;
  const { awardPeriodId, debtorBic, ...order } = asked.value;
  let format: PayoutFormat;
  try {
    format = sepaFile({ ...order, ...(debtorBic === undefined ? {} : { debtorBic }) });
  } catch (fault) {
    if (fault instanceof RangeError) return refuse('FIELD_INVALID', fault.message);
    throw fault;
  }
  return begin(payouts, awardPeriodId, format);
}

/** It takes a while: 202, and how it goes under GET /admin/payouts/export. */
async function begin(
  payouts: PayoutDesk,
  awardPeriodId: number,
  format: PayoutFormat,
  lastSent?: string,
): Promise<Answer> {
  const begun = await payouts.begin(awardPeriodId, format, lastSent ?? null);
  return begun.ok ? { ...json({ export: payouts.state }), status: 202 } : begun;
}

/** What became of one file, or of all; or which was the last that was sent. */
const restoreBody = v.object({
  awardPeriodId: id,
  status: v.optional(v.picklist(['NEW', 'RECOVERY', 'SENT'])),
  chunkFilename: v.optional(v.string()),
  lastChunkFilenameSent: v.optional(v.string()),
});

async function restore(payouts: PayoutDesk, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, restoreBody);
  if (!asked.ok) return asked;
  const said = saidOf(asked.value);
  if (said === null) return refuse('FIELD_INVALID', 'either status or lastChunkFilenameSent');
  const restored = await payouts.restore(asked.value.awardPeriodId, said);
  if (!restored.ok) return restored;
  const { sentCount, returnedCount } = restored.value;
  return json({ recordCount: sentCount + returnedCount, sentCount, returnedCount });
}

function saidOf(asked: v.InferOutput<typeof restoreBody>): SaidOfFiles | null {
  const { status, chunkFilename, lastChunkFilenameSent: lastSent } = asked;
  if (status === undefined) return lastSent === undefined || chunkFilename !== undefined ? null : { lastSent };
  return lastSent === undefined ? { status, name: chunkFilename ?? null } : null;
}

const FILE_NAME_MAX = 255;

/**
 * `?name=…`, by which its bad lines are found again. Streamed; every line for itself: an unknown id, or a line that cannot be
 * read, has no effect, is named and kept. One that is too large is refused at its limit: the lines until there are taken in,
 * and none of them twice when it comes again in pieces.
 */
async function takeIn(
  { payouts, clock, errors }: PayoutRoutesOptions,
  { request }: Call,
  kind: 'outcomes' | 'complaints',
): Promise<Answer> {
  const name = request.query.get('name') ?? kind;
  if (!isLine(name, FILE_NAME_MAX) || name === '') return refuse('FIELD_INVALID', 'name');
  const refused = refusedFile(request);
  if (refused !== null) return refused;
  const [body, badLines, receivedMs] = [new MeasuredBody(request.body), new BadLines(), clock.nowMs()];
  const rejected = (line: Parameters<BadLines['add']>[0]) => badLines.add(line);
  const take = kind === 'outcomes' ? payouts.takeOutcomes : payouts.takeComplaints;
  const taken = await take.call(payouts, body.chunks(), rejected);
  if (body.isTooLarge) return refuse('TOO_LARGE');
  const kept = await errors?.keep({ kind, name, sender: '', digest: body.digest(), receivedMs }, badLines);
  return json({ ...taken, ...(kept === undefined ? {} : { errors: kept }) });
}

async function readFiles(engine: Engine): Promise<Answer> {
  const files = await engine.payoutFiles();
  if (!files.ok) return files;
  return json({ files: files.value.map(({ atMs, ...file }) => ({ ...file, at: isoText(atMs) })) });
}

/** `{"citizen": tax code}`: in a body, since addresses are written down on the way. */
async function readOwn(engine: Engine, call: Call): Promise<Answer> {
  const asked = await readObject(call.request, v.object({ citizen: v.string() }));
  if (!asked.ok) return asked;
  const taxCode = checkTaxCode(asked.value.citizen);
  if (!taxCode.ok) return refuse('FIELD_INVALID', 'citizen');
  const payouts = await engine.payoutsOf(engine.citizenKeyOf(taxCode.value));
  return payouts.ok ? json({ payouts: payouts.value.map(payoutResource) }) : payouts;
}

/** `?awardPeriodId=…&filter=all|exportable|wip|failed&cursor=…` */
async function readPage(engine: Engine, { request: { query } }: Call): Promise<Answer> {
  const text = query.get('awardPeriodId');
  const awardPeriodId = text === null ? undefined : wholeNumber(text);
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const filter = query.get('filter') ?? 'all';
  if (!isFilter(filter)) return refuse('FIELD_INVALID', 'filter');
  const cursor = query.get('cursor');
  const page = await engine.payouts({
    filter,
    ...(awardPeriodId === undefined ? {} : { awardPeriodId }),
    ...(cursor === null ? {} : { cursor }),
  });
  if (!page.ok) return page;
  const { payouts, nextCursor } = page.value;
  return json({ payouts: payouts.map(payoutResource), ...(nextCursor === null ? {} : { nextCursor }) });
}

/** Without names and codes: who must know them reads the files. Of an IBAN its ends. */
function payoutResource({ account, taxCode: _, updateMs, ...payout }: PayoutView): object {
  return {
    ...payout,
    iban: account === null ? null : `${account.iban.slice(0, 4)}…${account.iban.slice(-4)}`,
    checkStatus: account?.checkStatus ?? null,
    isTechnical: account !== null && account.technicalAccountHolder !== null,
    update: isoText(updateMs),
  };
}

function isFilter(text: string): text is PayoutsFilter {
  return (PAYOUTS_FILTERS as readonly string[]).includes(text);
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
