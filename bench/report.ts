/** The results of one suite as a person reads them: a table, ratios, and one line per figure to put into a commit. */
import Table from 'cli-table3';
import type { Machine } from './machine.ts';
import type { Measurement, Ratio, SuiteResult } from './suite.ts';

/** What `--json` writes and `--against` reads. */
export interface Report extends SuiteResult {
  readonly suite: string;
  readonly machine: Machine;
  readonly commit: string;
}

/** @param before an earlier report of the same suite; only ratios can be compared across machines */
export function renderReport(report: Report, before?: Report): string {
  const parts = [
    resultTable(report.results, before?.results),
    ratioLines(report.ratios, before?.ratios),
    (report.notes ?? []).join('\n'),
  ];
  return [...parts.filter((part) => part !== ''), claim(report, before)].join('\n\n');
}

/** Before, after, unit, percentiles, machine, commit: all that a claim about speed must say, in one line. */
export function claim(report: Report, before?: Report): string {
  const [headline] = report.results;
  if (headline === undefined) return `${report.suite}: nothing was measured`;
  const was = before?.results.find((one) => isSame(one, headline));
  const percentiles = [
    headline.p50 === undefined ? '' : `p50 ${figure(headline.p50)}`,
    headline.p99 === undefined ? '' : `p99 ${figure(headline.p99)}`,
  ].filter((text) => text !== '');
  const value = `${was === undefined ? '' : `${figure(was.value)} -> `}${figure(headline.value)} ${headline.unit}`;
  const detail = percentiles.length === 0 ? '' : ` (${percentiles.join(', ')})`;
  return `${report.suite}, ${headline.name}: ${value}${detail}; ${place(report)}`;
}

function resultTable(results: readonly Measurement[], before: readonly Measurement[] | undefined): string {
  const head = ['measurement', 'value', 'unit', 'p50', 'p99', ...(before === undefined ? [] : ['before', 'change'])];
  const rights = head.map((_, column) => (column === 0 || column === 2 ? 'left' : 'right'));
  const table = new Table({ head, colAligns: rights as ('left' | 'right')[], style: { head: [], border: [] } });
  for (const result of results) {
    const was = before?.find((one) => isSame(one, result));
    const compared = before === undefined ? [] : [optional(was?.value), change(was?.value, result.value)];
    table.push([
      result.name,
      figure(result.value),
      result.unit,
      optional(result.p50),
      optional(result.p99),
      ...compared,
    ]);
  }
  return table.toString();
}

export function ratioLines(ratios: readonly Ratio[], before: readonly Ratio[] | undefined): string {
  return ratios
    .map(({ name, value, of, to }) => {
      const was = before?.find((one) => one.name === name);
      return `${name}: ${figure(value)}${was === undefined ? '' : ` (was ${figure(was.value)})`} = ${of} / ${to}`;
    })
    .join('\n');
}

export function place({ machine, commit }: Report): string {
  const { coreCount, cpu, node } = machine;
  return `${coreCount} x ${cpu}, Node ${node.replace('v', '')}, commit ${commit}`;
}

function isSame(left: Measurement, right: Measurement): boolean {
  return left.name === right.name && left.unit === right.unit;
}

function optional(value: number | undefined): string {
  return value === undefined ? '' : figure(value);
}

function change(before: number | undefined, after: number): string {
  if (before === undefined || before === 0) return '';
  const percent = (after / before - 1) * 100;
  return `${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`;
}

/** Four digits that mean something; thousands apart. */
export function figure(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-GB', { maximumFractionDigits: Math.min(digits, 6) });
}
