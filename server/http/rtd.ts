/** The acquirers' side (domain 6.3, 9): the salt of the hashes, the list of the enrolled ones, and their files. */

import { createReadStream } from 'node:fs';
import type { Engine } from '../../engine/index.ts';
import {
  type FileIngester,
  type FileReport,
  OUTCOME_CSV_HEADER,
  outcomeCsvLine,
  outcomeJsonItem,
  readFileName,
  type TokenReport,
} from '../files/index.ts';
import type { Metrics } from '../metrics.ts';
import { type HashList, OneShotLinks } from '../publishing/index.ts';
import type { HttpRequest, HttpResponse } from '../transport/index.ts';
import { FILE_TYPES, refusedFile } from './body.ts';
import { type Answer, JSON_TYPE, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

const ACQUIRER = ['acquirer'] as const;

export interface RtdOptions {
  readonly engine: Engine;
  readonly files: FileIngester;
  readonly metrics: Metrics;
  /** Null: none was made yet. */
  readonly hashList: () => HashList | null;
  readonly monotonicMs: () => number;
}

const DOWNLOADS = '/rtd/downloads';

export function rtdRoutes(options: RtdOptions): readonly Route[] {
  const links = new OneShotLinks<HashList>(options.monotonicMs);
  return [
    {
      method: 'GET',
      path: '/rtd/payment-instrument-manager/salt',
      roles: ['acquirer', 'operator'],
      handle: async () => text('text/plain; charset=utf-8', options.engine.programme.panSalt),
    },
    {
      method: 'GET',
      path: '/rtd/payment-instrument-manager/hashed-pans',
      roles: ['acquirer', 'operator'],
      handle: async () => linkTo(options.hashList(), links),
    },
    {
      method: 'GET',
      path: `${DOWNLOADS}/:name`,
      roles: 'public',
      handle: async ({ path }) => download(links.take(path.slice(DOWNLOADS.length + 1))),
    },
    { method: 'POST', path: '/rtd/files/:name', roles: ACQUIRER, handle: (call) => takeFile(options, call) },
  ];
}

/** A client refuses a list older than 24 hours: it can tell by `last-modified`. */
function linkTo(list: HashList | null, links: OneShotLinks<HashList>): Answer {
  if (list === null) return refuse('NOT_FOUND');
  return { status: 302, headers: { ...listHeaders(list), location: `${DOWNLOADS}/${links.create(list)}` }, body: '' };
}

function download(list: HashList | null): Answer {
  if (list === null) return refuse('NOT_FOUND');
  const headers = {
    ...listHeaders(list),
    'content-type': 'application/zip',
    'content-disposition': `attachment; filename="hashed-pans.${list.day}.zip"`,
  };
  return { status: 200, headers, body: { bytes: list.bytes, chunks: chunksOf(list.path) } };
}

/** Opened when the first one is asked for. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}

function listHeaders({ sha256, madeMs }: HashList): Readonly<Record<string, string>> {
  return { 'x-ms-meta-sha256': sha256, 'last-modified': new Date(madeMs).toUTCString() };
}

const ENCRYPTED_TYPES = [...FILE_TYPES, 'application/pgp-encrypted'];

async function takeFile({ files, metrics }: RtdOptions, { request, principal, parameters }: Call): Promise<Answer> {
  const name = parameters.name ?? '';
  const refused = refusedFile(request, name.endsWith('.pgp') ? ENCRYPTED_TYPES : FILE_TYPES);
  if (refused !== null) return refused;
  const file = { name, sender: principal.subject, body: request.body };
  const isOfTokens = readFileName(name)?.kind === 'tokens';
  const report = isOfTokens ? await files.ingestTokens(file) : await files.ingest(file);
  if (!report.ok) return report;
  metrics.countFile(report.summary);
  return wantsCsv(request) ? csvAnswer(report) : jsonAnswer(report);
}

function wantsCsv(request: HttpRequest): boolean {
  return (request.header('accept') ?? '').includes('text/csv');
}

/** The outcome file; its sums travel in a header. */
async function csvAnswer({ summary, outcome, errors }: FileReport | TokenReport): Promise<HttpResponse> {
  const body = await join(prefixed(OUTCOME_CSV_HEADER, map(outcome.rowsNotCounted(), outcomeCsvLine)));
  const headers = {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${summary.file}.outcome.csv"`,
    'x-clickday-summary': JSON.stringify({ ...summary, errors }),
  };
  return { status: 200, headers, body };
}

/** The sums, and `outcome` with every row that does not count. */
async function jsonAnswer({ summary, outcome, errors }: FileReport | TokenReport): Promise<HttpResponse> {
  const head = `${JSON.stringify({ ...summary, errors }).slice(0, -1)},"outcome":[`;
  let separator = '';
  const items = map(outcome.rowsNotCounted(), (row) => {
    const item = separator + outcomeJsonItem(row);
    separator = ',';
    return item;
  });
  const body = await join(prefixed(head, items), ']}');
  return { status: 200, headers: { 'content-type': JSON_TYPE }, body };
}

/** Texts encoded before others are let in: a long outcome must not hold up the citizens. */
const SLICE_COUNT = 5_000;

async function join(texts: Iterable<string>, end = ''): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let slice: string[] = [];
  for (const each of texts) {
    if (slice.push(each) < SLICE_COUNT) continue;
    parts.push(Buffer.from(slice.join('')));
    slice = [];
    await new Promise((resolve) => setImmediate(resolve));
  }
  parts.push(Buffer.from(slice.join('') + end));
  return Buffer.concat(parts);
}

function* prefixed(first: string, rest: Iterable<string>): Generator<string> {
  yield first;
  yield* rest;
}

function* map<T>(items: Iterable<T>, change: (item: T) => string): Generator<string> {
  for (const item of items) yield change(item);
}

function text(type: string, body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': type }, body };
}
