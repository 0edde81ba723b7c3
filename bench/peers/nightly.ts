/**
 * The ranking as the real programme made it: payments are stored by day, and a run at night brings totals and ranks up
 * to date. Written as sets where the programme went through pages of citizens, which is the faster way.
 *
 * A row is taken in with the same checks as clickday's: a new key, an instrument that covers its day, a citizen whose
 * terms are older, a period; and scored.
 */
import postgres from 'postgres';
import { POSTGRES_USER, TUNED_SETTINGS } from './postgres-server.ts';

/** With the memory for sorting that a nightly run is given. */
export const NIGHTLY_SETTINGS = { ...TUNED_SETTINGS, work_mem: '256MB' } as const;

const SCHEMA = `
CREATE TABLE citizen (
  tax_code text PRIMARY KEY,
  terms_ms bigint NOT NULL
);
CREATE TABLE instrument_history (
  hpan bytea NOT NULL,
  tax_code text NOT NULL,
  first_day date NOT NULL,
  last_day date
);
CREATE INDEX instrument_days ON instrument_history (hpan, first_day);
CREATE TABLE award_period (
  id integer PRIMARY KEY,
  first_day date NOT NULL,
  last_day date NOT NULL,
  min_transactions integer NOT NULL,
  min_position integer NOT NULL,
  max_period_cents integer NOT NULL
);
CREATE TABLE winning_transaction (
  id_trx_acquirer text NOT NULL,
  trx_ms bigint NOT NULL,
  acquirer_code text NOT NULL,
  acquirer_id text NOT NULL,
  operation_type text NOT NULL,
  circuit_type text NOT NULL,
  hpan bytea NOT NULL,
  correlation_id text NOT NULL,
  amount_cents integer NOT NULL,
  merchant_id text NOT NULL,
  terminal_id text NOT NULL,
  tax_code text NOT NULL,
  award_period_id integer NOT NULL,
  score_cents integer NOT NULL,
  is_counted boolean NOT NULL DEFAULT false,
  insertion bigserial,
  PRIMARY KEY (id_trx_acquirer, trx_ms, acquirer_code, acquirer_id, operation_type)
);
CREATE INDEX not_counted ON winning_transaction (tax_code, award_period_id) WHERE NOT is_counted;
CREATE INDEX by_citizen ON winning_transaction (tax_code, award_period_id, trx_ms);
CREATE TABLE citizen_ranking (
  tax_code text NOT NULL,
  award_period_id integer NOT NULL,
  total_cents bigint NOT NULL,
  transaction_count integer NOT NULL,
  last_trx_ms bigint NOT NULL,
  ranking integer,
  pivot_insertion bigint,
  norm_cents bigint,
  min_insertion bigint,
  PRIMARY KEY (tax_code, award_period_id)
) WITH (fillfactor = 50);
CREATE TABLE ranking_summary (
  award_period_id integer PRIMARY KEY,
  max_transactions integer NOT NULL,
  min_transactions integer NOT NULL,
  participants integer NOT NULL
);
INSERT INTO award_period VALUES (1, '2020-12-08', '2020-12-31', 10, 0, 15000);
`;

/** Half-down rounding of a tenth, at most 15 euros (domain 4.1), in integers. */
const TAKE_IN = `
INSERT INTO winning_transaction (
  id_trx_acquirer, trx_ms, acquirer_code, acquirer_id, operation_type, circuit_type, hpan, correlation_id,
  amount_cents, merchant_id, terminal_id, tax_code, award_period_id, score_cents)
SELECT row.id, $1::bigint, '36081', '09509', '00', '01', hpan, '', cents, 'M1', 'T1', held.tax_code, period.id,
  least(cents, 15000) / 10 + CASE WHEN least(cents, 15000) % 10 > 5 THEN 1 ELSE 0 END
FROM unnest($2::text[], $3::bytea[], $4::integer[]) AS row (id, hpan, cents)
CROSS JOIN (SELECT (to_timestamp($1::bigint / 1000.0) AT TIME ZONE 'Europe/Rome')::date AS trx_day) AS instant
JOIN instrument_history AS held USING (hpan)
JOIN citizen ON citizen.tax_code = held.tax_code AND citizen.terms_ms < $1::bigint
JOIN award_period AS period ON trx_day BETWEEN period.first_day AND period.last_day
WHERE held.first_day < trx_day AND (held.last_day IS NULL OR trx_day <= held.last_day)
ON CONFLICT DO NOTHING
`;

/** The stages of domain 5.3, in their order. There are no reversals in this load, so their stages find nothing. */
const STAGES: Readonly<Record<string, string>> = {
  payments: `
    WITH fresh AS (
      UPDATE winning_transaction SET is_counted = true WHERE NOT is_counted
      RETURNING tax_code, award_period_id, score_cents, trx_ms
    )
    INSERT INTO citizen_ranking (tax_code, award_period_id, total_cents, transaction_count, last_trx_ms)
    SELECT tax_code, award_period_id, sum(score_cents), count(*), max(trx_ms) FROM fresh GROUP BY 1, 2
    ON CONFLICT (tax_code, award_period_id) DO UPDATE SET
      total_cents = citizen_ranking.total_cents + excluded.total_cents,
      transaction_count = citizen_ranking.transaction_count + excluded.transaction_count,
      last_trx_ms = greatest(citizen_ranking.last_trx_ms, excluded.last_trx_ms)`,
  ranking: `
    UPDATE citizen_ranking SET ranking = fresh.ranking
    FROM (
      SELECT tax_code, award_period_id, row_number() OVER (
        PARTITION BY award_period_id ORDER BY transaction_count DESC, last_trx_ms, terms_ms, tax_code) AS ranking
      FROM citizen_ranking JOIN citizen USING (tax_code)
    ) AS fresh
    WHERE citizen_ranking.tax_code = fresh.tax_code AND citizen_ranking.award_period_id = fresh.award_period_id
      AND citizen_ranking.ranking IS DISTINCT FROM fresh.ranking`,
  summary: `
    INSERT INTO ranking_summary
    SELECT award_period_id, max(transaction_count), min(transaction_count), count(*) FROM citizen_ranking GROUP BY 1
    ON CONFLICT (award_period_id) DO UPDATE SET max_transactions = excluded.max_transactions,
      min_transactions = excluded.min_transactions, participants = excluded.participants`,
  milestones: `
    WITH missing AS (
      SELECT tax_code, award_period_id FROM citizen_ranking JOIN award_period ON id = award_period_id
      WHERE (pivot_insertion IS NULL AND total_cents >= max_period_cents)
        OR (min_insertion IS NULL AND transaction_count >= min_transactions)
    ), walked AS (
      SELECT tax_code, award_period_id, insertion, score_cents,
        sum(score_cents) OVER walk AS running_cents, count(*) OVER walk AS running_count
      FROM winning_transaction JOIN missing USING (tax_code, award_period_id)
      WHERE is_counted
      WINDOW walk AS (PARTITION BY tax_code, award_period_id ORDER BY trx_ms, insertion)
    ), reached AS (
      SELECT tax_code, award_period_id,
        min(insertion) FILTER (WHERE running_cents >= max_period_cents
          AND running_cents - score_cents < max_period_cents) AS pivot,
        min(max_period_cents - running_cents + score_cents) FILTER (WHERE running_cents >= max_period_cents
          AND running_cents - score_cents < max_period_cents) AS norm,
        min(insertion) FILTER (WHERE running_count = min_transactions) AS minimum
      FROM walked JOIN award_period ON id = award_period_id GROUP BY 1, 2
    )
    UPDATE citizen_ranking SET pivot_insertion = pivot, norm_cents = norm, min_insertion = minimum
    FROM reached
    WHERE citizen_ranking.tax_code = reached.tax_code AND citizen_ranking.award_period_id = reached.award_period_id`,
};

export interface NightlyRow {
  readonly idTrxAcquirer: string;
  readonly hpan: string;
  readonly amountCents: number;
}

export class NightlyProgramme {
  readonly #sql: postgres.Sql;

  private constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  static async open(port: number): Promise<NightlyProgramme> {
    const sql = postgres({
      ...{ host: '127.0.0.1', port, username: POSTGRES_USER, database: 'postgres', max: 2 },
      onnotice: () => {},
    });
    await sql.unsafe(SCHEMA);
    return new NightlyProgramme(sql);
  }

  /** Citizens who hold a card each since before the first period. */
  async enrol(citizens: readonly { readonly taxCode: string; readonly hpan: string }[]): Promise<void> {
    const taxCodes = `{${citizens.map(({ taxCode }) => taxCode).join(',')}}`;
    const hpans = byteaArray(citizens.map(({ hpan }) => hpan));
    await this.#sql.unsafe('INSERT INTO citizen SELECT unnest($1::text[]), 1607328000000', [taxCodes]);
    await this.#sql.unsafe(
      "INSERT INTO instrument_history SELECT unnest($1::bytea[]), unnest($2::text[]), '2020-12-07', NULL",
      [hpans, taxCodes],
    );
    await this.#sql.unsafe('ANALYZE');
  }

  /** Durable when it resolves. */
  async takeIn(trxMs: number, rows: readonly NightlyRow[]): Promise<void> {
    const words = [
      `${trxMs}`,
      `{${rows.map(({ idTrxAcquirer }) => idTrxAcquirer).join(',')}}`,
      byteaArray(rows.map(({ hpan }) => hpan)),
      `{${rows.map(({ amountCents }) => amountCents).join(',')}}`,
    ];
    await this.#sql.unsafe(TAKE_IN, words, { prepare: true });
  }

  /** Brings everything up to date; milliseconds of each stage. */
  async recompute(): Promise<ReadonlyMap<string, number>> {
    const stages = new Map<string, number>();
    for (const [name, statement] of Object.entries(STAGES)) {
      const startMs = performance.now();
      await this.#sql.unsafe(statement);
      stages.set(name, performance.now() - startMs);
    }
    return stages;
  }

  async rankedCount(): Promise<number> {
    const [row] = await this.#sql<[{ readonly count: string }]>`
      SELECT coalesce(sum(transaction_count), 0) AS count FROM citizen_ranking WHERE ranking IS NOT NULL`;
    return Number(row.count);
  }

  async bytes(): Promise<number> {
    const [row] = await this.#sql<[{ readonly bytes: string }]>`
      SELECT pg_total_relation_size('winning_transaction') AS bytes`;
    return Number(row.bytes);
  }

  async close(): Promise<void> {
    await this.#sql.end();
  }
}

/** As PostgreSQL writes arrays of bytes. */
function byteaArray(hexTexts: readonly string[]): string {
  return `{${hexTexts.map((hex) => `"\\\\x${hex}"`).join(',')}}`;
}
