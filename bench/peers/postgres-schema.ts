/** Wallets in PostgreSQL: one table for each noun, and one statement that takes a batch of changes as a set. */

/**
 * Without foreign keys, as one would for such a rate: the statement sees to what they would. A plan is kept for ever,
 * and made while the tables are empty: it must not be the one that is best for empty tables.
 */
export const SCHEMA = `
CREATE TABLE citizen (
  citizen uuid PRIMARY KEY,
  enrolment integer NOT NULL,
  terms_ms bigint NOT NULL,
  opt_in text NOT NULL,
  sealed_tax_code bytea NOT NULL,
  sealed_payoff bytea,
  payoff_status text
) WITH (fillfactor = 50);

CREATE TABLE method (
  citizen uuid NOT NULL,
  hpan bytea NOT NULL,
  details json NOT NULL,
  PRIMARY KEY (citizen, hpan)
);

CREATE TABLE activation (
  id bigint GENERATED ALWAYS AS IDENTITY,
  hpan bytea NOT NULL,
  citizen uuid NOT NULL,
  enrolment integer NOT NULL,
  channel text NOT NULL,
  activation_ms bigint NOT NULL,
  deactivation_ms bigint
);
CREATE UNIQUE INDEX one_owner ON activation (hpan) WHERE deactivation_ms IS NULL;
CREATE INDEX newest_activation ON activation (hpan, id DESC);

CREATE TABLE command (
  citizen uuid NOT NULL,
  command_key text NOT NULL,
  body_hash uuid NOT NULL,
  answer json NOT NULL,
  PRIMARY KEY (citizen, command_key)
);

ALTER ROLE CURRENT_USER SET plan_cache_mode = force_generic_plan;
ALTER ROLE CURRENT_USER SET enable_seqscan = off;
ALTER ROLE CURRENT_USER SET enable_hashjoin = off;
ALTER ROLE CURRENT_USER SET enable_mergejoin = off;
`;

/**
 * $1 the instant; $2 to $8 arrays with an element for each change. All parts see the tables as they were before, so no
 * two changes of a batch may be about one card, one command key, or a citizen who enrols. Two batches may claim one
 * card: the unique index lets the first have it.
 *
 * @returns one row: the verdicts as text, a line for each change
 */
export const CHANGES_STATEMENT = `
WITH input AS (
  SELECT n, kind, citizen, command_key, body_hash, decode(card, 'hex') AS hpan, payload, channel
  FROM unnest($2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[])
    WITH ORDINALITY AS change (kind, citizen, command_key, body_hash, card, payload, channel, n)
), state AS MATERIALIZED (
  SELECT input.*, known.body_hash AS known_hash, known.answer AS known_answer,
    citizen.enrolment, citizen.terms_ms, citizen.opt_in, newest.owner, newest.activation_ms,
    newest.owner IS NOT NULL AND newest.deactivation_ms IS NULL AS is_active
  FROM input
  LEFT JOIN command AS known USING (citizen, command_key)
  LEFT JOIN citizen USING (citizen)
  LEFT JOIN LATERAL (
    SELECT activation.citizen AS owner, activation_ms, deactivation_ms FROM activation
    WHERE activation.hpan = input.hpan
    ORDER BY id DESC LIMIT 1
  ) AS newest ON kind IN ('enableCashback', 'disableCashback', 'removeMethod')
), todo AS MATERIALIZED (
  SELECT * FROM state WHERE known_hash IS NULL
), enrolled AS (
  INSERT INTO citizen (citizen, enrolment, terms_ms, opt_in, sealed_tax_code)
  SELECT citizen, 1, $1::bigint, 'NOREQ', decode(payload, 'base64') FROM todo
  WHERE kind = 'enrol' AND enrolment IS NULL
), payoff AS (
  UPDATE citizen SET sealed_payoff = newest.sealed, payoff_status = 'UNKNOWN_PSP'
  FROM (
    SELECT DISTINCT ON (citizen) citizen, decode(payload, 'base64') AS sealed FROM todo
    WHERE kind = 'setIban' AND enrolment IS NOT NULL ORDER BY citizen, n DESC
  ) AS newest
  WHERE citizen.citizen = newest.citizen
), added AS (
  INSERT INTO method (citizen, hpan, details)
  SELECT citizen, hpan, payload::json FROM todo WHERE kind = 'addMethod' AND enrolment IS NOT NULL
  ON CONFLICT DO NOTHING
), activated AS (
  INSERT INTO activation (hpan, citizen, enrolment, channel, activation_ms)
  SELECT hpan, citizen, enrolment, channel, $1::bigint FROM todo
  WHERE kind = 'enableCashback' AND enrolment IS NOT NULL AND NOT is_active
  ON CONFLICT (hpan) WHERE deactivation_ms IS NULL DO NOTHING
  RETURNING hpan
), released AS (
  UPDATE activation SET deactivation_ms = $1::bigint
  FROM todo
  WHERE todo.kind IN ('disableCashback', 'removeMethod') AND todo.is_active AND todo.owner = todo.citizen
    AND activation.hpan = todo.hpan AND activation.deactivation_ms IS NULL
), removed AS (
  DELETE FROM method USING todo
  WHERE todo.kind = 'removeMethod' AND method.citizen = todo.citizen AND method.hpan = todo.hpan
  RETURNING method.hpan
), judged AS MATERIALIZED (
  SELECT todo.*, CASE
    WHEN kind IN ('setIban', 'addMethod') AND enrolment IS NULL THEN 'CITIZEN_NOT_FOUND'
    WHEN kind = 'enableCashback' AND enrolment IS NULL THEN 'CITIZEN_NOT_ENABLED'
    WHEN kind = 'enableCashback' AND is_active AND owner <> citizen THEN 'INSTRUMENT_TAKEN'
    WHEN kind = 'enableCashback' AND NOT is_active AND hpan NOT IN (SELECT hpan FROM activated) THEN 'INSTRUMENT_TAKEN'
    WHEN kind = 'disableCashback' AND owner IS NULL THEN 'INSTRUMENT_NOT_FOUND'
    WHEN kind = 'disableCashback' AND owner <> citizen THEN 'INSTRUMENT_NOT_YOURS'
    WHEN kind = 'removeMethod' AND NOT (is_active AND owner = citizen) AND hpan NOT IN (SELECT hpan FROM removed)
      THEN 'METHOD_NOT_FOUND'
  END AS code
  FROM todo
), answered AS MATERIALIZED (
  SELECT judged.*, CASE kind
    WHEN 'enrol' THEN json_build_object('termsMs', coalesce(terms_ms, $1::bigint), 'optInStatus', coalesce(opt_in, 'NOREQ'))
    WHEN 'setIban' THEN '{"validationStatus":"UNKNOWN_PSP"}'::json
    WHEN 'addMethod' THEN json_build_object('hpan', encode(hpan, 'hex'))
    WHEN 'enableCashback' THEN
      json_build_object('activationMs', CASE WHEN is_active THEN activation_ms ELSE $1::bigint END)
    ELSE '{}'::json
  END AS answer
  FROM judged
), kept AS (
  INSERT INTO command (citizen, command_key, body_hash, answer)
  SELECT citizen, command_key, body_hash, answer FROM answered WHERE code IS NULL
)
SELECT string_agg(verdict, E'\\n' ORDER BY n) AS verdicts FROM (
  SELECT n, coalesce('-' || code, '+' || answer::text) AS verdict FROM answered
  UNION ALL
  SELECT n, CASE WHEN body_hash = known_hash THEN '=' || known_answer::text ELSE '-ID_REUSED' END FROM state
  WHERE known_hash IS NOT NULL
) AS verdicts
`;
