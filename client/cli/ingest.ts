/** `clickday ingest`: acquirer files to the server; beside each one a file that says what became of its rows. */
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { Presets, SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import type { FileSummary, TokenSummary } from '../../server/files/index.ts';
import type { KeptErrors } from '../../server/index.ts';
import { counted, euro, grouped } from '../paint.ts';
import { askHttp, type HttpAnswer } from '../sdk/index.ts';
import { LINE_ARGUMENTS, type LineOptions, tokenFor } from './line.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { sayKept } from './words.ts';

export const ingest = defineCommand({
  meta: {
    name: 'ingest',
    description: 'Send acquirer files. Sending one twice changes nothing. Exit code 1 = a file was refused.',
  },
  args: {
    files: {
      type: 'positional',
      description: 'CSTAR.<ABI>.TRNLOG.<date>.<time>.<nnn>.csv or TKM.<ABI>.TKNLST.…, or .csv.pgp',
      required: true,
      valueHint: 'FILE ...',
    },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const files = await Promise.all(args._.map(describeFile));
    const results: Result[] = [];
    // One after the other: rows of one card keep the order in which they are given (DECISION 19).
    for (const file of files) results.push(await sendFile(file, args));
    if (args.json) printJson(results);
    else print(report(results));
    return results.every(({ refusal }) => refusal === null) ? 0 : 1;
  },
});

interface InputFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

type Summary = (FileSummary | TokenSummary) & { readonly errors: KeptErrors };

interface Result {
  readonly file: string;
  /** Null when the file was refused whole. */
  readonly summary: Summary | null;
  /** Where the rows that do not count are listed. */
  readonly outcomeFile: string | null;
  readonly refusal: Refusal | null;
}

async function describeFile(path: string): Promise<InputFile> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) throw usageFault(`there is no file ${path}`, '');
  return { path, name: basename(path), bytes: found.size };
}

async function sendFile(file: InputFile, options: LineOptions): Promise<Result> {
  const sender = /^(?:CSTAR\.\d{5}\.TRNLOG|TKM\.\d{5}\.TKNLST)\./.exec(file.name)?.[0].split('.')[1];
  if (sender === undefined) return refused(file, named('FILE_NAME_INVALID'));
  const token = await tokenFor(options, 'acquirer', sender);
  const answer = await upload(file, { url: options.url, token });
  if (answer.status !== 200) return refused(file, refusalOf(answer));
  const outcomeFile = `${file.path}.outcome.csv`;
  await writeFile(outcomeFile, answer.text);
  const summary = JSON.parse(answer.header('x-clickday-summary') ?? 'null') as Summary | null;
  return { file: file.name, summary, outcomeFile, refusal: null };
}

/** The body is read as fast as the server takes it; the bar shows what is really gone. */
async function upload(file: InputFile, http: { readonly url: string; readonly token: string }): Promise<HttpAnswer> {
  const bar = progressBar();
  bar?.start(file.bytes, 0, { name: file.name });
  try {
    const body = ReadableStream.from(chunksOf(file, (bytes) => bar?.increment(bytes)));
    const path = `/rtd/files/${encodeURIComponent(file.name)}`;
    return await askHttp(http, { method: 'POST', path, body, accept: 'text/csv' });
  } finally {
    bar?.stop();
  }
}

async function* chunksOf({ path }: InputFile, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    yield chunk;
    onBytes(chunk.length);
  }
}

/** On standard error, so that the answer can go into a pipe; nothing where nobody looks. */
function progressBar(): SingleBar | null {
  if (process.stderr.isTTY !== true) return null;
  const options = {
    stream: process.stderr,
    format: '{bar} {percentage}%  {name}',
    hideCursor: true,
    clearOnComplete: true,
  };
  return new SingleBar(options, Presets.shades_classic);
}

function refused(file: InputFile, refusal: Refusal): Result {
  return { file: file.name, summary: null, outcomeFile: null, refusal };
}

function named(code: RefusalName): Refusal {
  return { code, message: REFUSALS[code].text };
}

function refusalOf({ status, text }: HttpAnswer): Refusal {
  try {
    const { name, returnMessages } = JSON.parse(text) as {
      name: string;
      returnMessages: readonly { message: string }[];
    };
    return { code: name, message: returnMessages[0]?.message ?? '' };
  } catch {
    return { code: `HTTP ${status}`, message: text.slice(0, 200) };
  }
}

function report(results: readonly Result[]): string {
  const table = new Table({
    head: ['file', 'rows', 'counted', 'applied', 'pending', 'parked', 'dropped', 'rejected', 'cashback'],
    colAligns: ['left', ...Array.from({ length: 8 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  const notes: string[] = [];
  for (const { file, summary, outcomeFile, refusal } of results) {
    if (refusal !== null) notes.push(`${file} was refused whole, ${refusal.code}: ${refusal.message}`);
    if (summary === null) continue;
    notes.push(...sayKept(summary.errors));
    const { rows, dropped, rejected } = summary;
    if ('enabled' in summary) {
      notes.push(sayTokens(file, summary));
      if (dropped + rejected > 0) notes.push(`lines of nobody and rejected ones: ${outcomeFile}`);
      continue;
    }
    const { applied, pending, parked } = summary;
    const counts = [rows, summary.counted, applied, pending, parked, dropped, rejected].map(grouped);
    table.push([file, ...counts, euro(summary.cashbackCents)]);
    if (summary.counted + applied < rows) notes.push(`rows that do not count: ${outcomeFile}`);
  }
  return [...(table.length === 0 ? [] : [table.toString()]), ...notes].join('\n');
}

function sayTokens(file: string, { rows, enabled, known, dropped, rejected }: TokenSummary): string {
  const taken = `${grouped(enabled)} enabled, ${grouped(known)} known`;
  return `${file}: ${counted(rows, 'line')}, ${taken}, ${grouped(dropped)} of nobody, ${grouped(rejected)} rejected`;
}
