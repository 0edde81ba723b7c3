/**
 * `npm run mutation -- [ROOM [FILE...]]`: mutants of one room, or of all rooms one after the other. What whole rooms
 * are measured at goes to `bench/results/mutation.json`; single files are for whoever works on them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import Table from 'cli-table3';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import { ROOMS } from './rooms.ts';

interface RoomScore {
  readonly room: string;
  readonly commit: string;
  readonly files: number;
  /** All but words with which the program complains. */
  readonly mutants: number;
  readonly killed: number;
  readonly timedOut: number;
  readonly survived: number;
  readonly noCoverage: number;
  readonly ignored: number;
  /** Killed or timed out, in percent of the mutants. */
  readonly score: number;
}

const RESULTS = 'bench/results/mutation.json';
const SCORE_MIN = 80;

const [only, ...files] = process.argv.slice(2);
const rooms = only === undefined ? Object.keys(ROOMS) : [only];
for (const room of rooms) {
  const score = await measure(room, files);
  if (files.length === 0) save(score);
  process.stdout.write(`${renderScores(files.length === 0 ? savedScores() : [score])}\n`);
  if (score.score < SCORE_MIN) process.exitCode = 1;
}

async function measure(room: string, files: readonly string[]): Promise<RoomScore> {
  const mutate = files.length === 0 ? ROOMS[room]?.mutate : files;
  if (mutate === undefined) throw new Error(`no room ${room}; there are ${Object.keys(ROOMS).join(', ')}`);
  process.env.MUTATION_ROOM = room;
  process.env.SEED = '1';
  const stryker = new Stryker({
    testRunner: 'threads',
    mutate: [...mutate, '!**/index.ts'],
    plugins: ['./messages.js', './runner.js'].map((path) => fileURLToPath(new URL(path, import.meta.url))),
  });
  const results = await stryker.runMutationTest();
  const count = (...statuses: readonly string[]) => results.filter(({ status }) => statuses.includes(status)).length;
  const [killed, timedOut] = [count('Killed'), count('Timeout')];
  const mutants = killed + timedOut + count('Survived', 'NoCoverage');
  return {
    room,
    commit: describeCommit(),
    files: new Set(results.map(({ fileName }) => fileName)).size,
    mutants,
    killed,
    timedOut,
    survived: count('Survived'),
    noCoverage: count('NoCoverage'),
    ignored: results.length - mutants,
    score: Math.floor((1_000 * (killed + timedOut)) / mutants) / 10,
  };
}

function savedScores(): readonly RoomScore[] {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')).rooms : [];
}

/** Beside the rooms that were measured before, in the order of the table of rooms. */
function save(score: RoomScore): void {
  const others = savedScores().filter(({ room }) => room !== score.room);
  const order = Object.keys(ROOMS);
  const rooms = [...others, score].sort((left, right) => order.indexOf(left.room) - order.indexOf(right.room));
  const report = { suite: 'mutation', machine: describeMachine(), command: 'npm run mutation', rooms };
  writeFileSync(RESULTS, `${JSON.stringify(report, null, 2)}\n`);
}

function renderScores(scores: readonly RoomScore[]): string {
  const columns = ['room', 'files', 'mutants', 'killed', 'timedOut', 'survived', 'noCoverage', 'score'] as const;
  const table = new Table({
    head: [...columns],
    colAligns: columns.map((column) => (column === 'room' ? 'left' : 'right')),
    style: { head: [], border: [] },
  });
  for (const score of scores) table.push(columns.map((column) => score[column]));
  return table.toString();
}
