/** What a replay has to say for itself at the end. */
import Table from 'cli-table3';
import { duration, grouped, type Paint } from '../paint.ts';
import type { AuditResult } from './audit.ts';
import type { KindSummary, Latency } from './meter.ts';

export interface ReplayReport {
  readonly seed: number;
  readonly scale: number;
  readonly durationMs: number;
  readonly elapsedMs: number;
  /** Highest number of operations answered in one second. */
  readonly rateMax: number;
  readonly kinds: readonly KindSummary[];
  readonly all: Latency & { readonly done: number };
  readonly refusals: readonly (readonly [string, number])[];
  readonly faults: readonly (readonly [string, number])[];
  readonly citizens: number;
  readonly instruments: number;
  readonly purchases: number;
  readonly paymentsCounted: number;
  readonly check: AuditResult;
}

export function isKept(report: ReplayReport): boolean {
  return report.check.differences.length === 0;
}

export function renderReport(report: ReplayReport, paint: Paint): string {
  return [
    '',
    kindTable(report).toString(),
    '',
    `${paint.dim('came')}      ${grouped(report.citizens)} citizens, ${grouped(report.instruments)} cards enabled, ` +
      `at most ${grouped(report.rateMax)} operations a second`,
    `${paint.dim('paid')}      ${grouped(report.purchases)} rows of acquirers, ${grouped(report.paymentsCounted)} payments counted`,
    `${paint.dim('refused')}   ${listOf(report.refusals)}`,
    `${paint.dim('lost')}      ${listOf(report.faults)}`,
    '',
    ...checkLines(report, paint),
    '',
    paint.dim(
      `the same again: clickday replay --seed ${report.seed} --scale ${report.scale} --duration ${report.durationMs / 1_000}`,
    ),
    '',
  ].join('\n');
}

function kindTable({ kinds, all }: ReplayReport): Table.Table {
  const table = new Table({
    head: ['operation', 'done', 'repeated', 'p50', 'p99', 'p99.9', 'max'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const kind of kinds) table.push([kind.kind, grouped(kind.done), grouped(kind.repeated), ...latencyCells(kind)]);
  table.push(['all', grouped(all.done), '', ...latencyCells(all)]);
  return table;
}

function latencyCells({ p50Ms, p99Ms, p999Ms, maxMs }: Latency): string[] {
  return [p50Ms, p99Ms, p999Ms, maxMs].map(duration);
}

function listOf(counts: readonly (readonly [string, number])[]): string {
  return counts.length === 0 ? 'nothing' : counts.map(([code, count]) => `${code} ${grouped(count)}`).join(', ');
}

function checkLines(report: ReplayReport, paint: Paint): readonly string[] {
  const { check } = report;
  const done = [
    `${grouped(check.commandsAsked)} commands asked for by id`,
    `${grouped(check.totalsCompared)} totals compared`,
    `${grouped(check.ranksCompared)} ranks compared`,
  ].join(', ');
  if (isKept(report)) return [`${paint.accent('✔')} ${paint.strong('everything acknowledged is there')}: ${done}`];
  const title = `${paint.alarm('✘')} ${paint.strong('the check found differences')}: ${done}`;
  return [title, ...check.differences.map((difference) => `  - ${difference}`)];
}
