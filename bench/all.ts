/**
 * `npm run bench:all [-- SUITE…]`: runs every suite but the longest, or those named, each in a process of its own, and
 * writes figures and a chart of each into bench/results/. `--draw` only draws the figures that are there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawReport } from './chart.ts';
import type { Report } from './report.ts';
import { SUITES } from './suites.ts';

const FOLDER = join('bench', 'results');

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { draw: { type: 'boolean', default: false } },
});
mkdirSync(FOLDER, { recursive: true });
const failed: string[] = [];
const usual = Object.keys(SUITES).filter((suite) => SUITES[suite]?.isLong !== true);
for (const suite of positionals.length > 0 ? positionals : usual) {
  const file = join(FOLDER, `${suite}.json`);
  if (!values.draw && !measure(suite, file)) failed.push(suite);
  else if (existsSync(file)) draw(suite, file);
}
if (failed.length > 0) {
  process.stderr.write(`these suites broke: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

function measure(suite: string, file: string): boolean {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  return spawnSync(process.execPath, [main, suite, '--json', file], { stdio: 'inherit' }).status === 0;
}

function draw(suite: string, file: string): void {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  writeFileSync(join(FOLDER, `${suite}.svg`), drawReport(report, `npm run bench -- ${report.suite}`));
}
