/** Wallets in PostgreSQL: a pool of connections, and on each one prepared statement for all commands that have come. */
import postgres from 'postgres';
import { LIMITS } from '../../engine/index.ts';
import type { Backend, Change, Verdict } from './peer-engine.ts';
import { CHANGES_STATEMENT, SCHEMA } from './postgres-schema.ts';
import { POSTGRES_USER } from './postgres-server.ts';
import { parseVerdict } from './verdict-text.ts';

/** The best that was found: one made 26,000 commands a second in those minutes, two 31,000, four 18,000, eight 12,000. */
const CONNECTION_COUNT = 2;
/** Two batches that want each other's rows, or one command twice: one of them has to be done again. */
const TRY_AGAIN = ['40P01', '23505'];

export async function openPostgresBackend(port: number): Promise<Backend> {
  const connect = () =>
    postgres({ host: '127.0.0.1', port, username: POSTGRES_USER, database: 'postgres', max: 1, onnotice: () => {} });
  const sql = connect();
  await sql.unsafe(SCHEMA);
  await sql.end(); // The settings of the role are those of connections that come after them.
  const connections = Array.from({ length: CONNECTION_COUNT }, connect);
  return {
    laneCount: CONNECTION_COUNT,
    batchCountMax: LIMITS.batchCountMax,
    newBatch,
    apply: (lane, nowMs, batch) => apply(connections[lane]!, nowMs, batch),
    async close() {
      await Promise.all(connections.map((connection) => connection.end()));
    },
  };
}

/** The statement takes a batch as a set: see there what may not stand in it twice. */
function newBatch(): (change: Change) => boolean {
  const [cards, commands, citizens, enrolling] = [1, 2, 3, 4].map(() => new Set<string>()) as Sets;
  return ({ kind, citizen, commandKey, hpan }) => {
    const command = `${citizen}${commandKey}`;
    const isEnrolling = kind === 'enrol';
    if (cards.has(hpan) || commands.has(command) || enrolling.has(citizen)) return false;
    if (isEnrolling && citizens.has(citizen)) return false;
    if (hpan !== '') cards.add(hpan);
    if (isEnrolling) enrolling.add(citizen);
    commands.add(command);
    citizens.add(citizen);
    return true;
  };
}

type Sets = [Set<string>, Set<string>, Set<string>, Set<string>];

async function apply(connection: postgres.Sql, nowMs: number, batch: readonly Change[]): Promise<readonly Verdict[]> {
  try {
    const [row] = await connection.unsafe<[{ readonly verdicts: string }]>(CHANGES_STATEMENT, wordsOf(nowMs, batch), {
      prepare: true,
    });
    return row.verdicts.split('\n').map(parseVerdict);
  } catch (error) {
    if (!TRY_AGAIN.includes((error as { readonly code?: string }).code ?? '')) throw error;
    const verdicts: Verdict[] = [];
    for (const change of batch) verdicts.push(...(await apply(connection, nowMs, [change])));
    return verdicts;
  }
}

/** Arrays as PostgreSQL writes them: the texts of a change need no quotes, but for details in JSON. */
function wordsOf(nowMs: number, batch: readonly Change[]): string[] {
  const array = (textOf: (change: Change) => string) => `{${batch.map(textOf).join(',')}}`;
  return [
    `${nowMs}`,
    array(({ kind }) => kind),
    array(({ citizen }) => citizen),
    array(({ commandKey }) => quoted(commandKey)),
    array(({ bodyHash }) => bodyHash),
    array(({ hpan }) => quoted(hpan)),
    array(({ payload }) => quoted(payload)),
    array(({ channel }) => quoted(channel)),
  ];
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
