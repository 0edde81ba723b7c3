// Method: 2,000 citizens are seeded by the program that seeds ten million, into one store and into two. The folder must be
// sound to `verify`; a real engine opens it, and every total, count and rank must be what a plain computation from the
// invented payments gives; then life goes on: what was done is not done again, and what is new is done. And a real engine
// is given the commands that a chronicle tells of: it must journal the very same facts.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Chronicle, type Listener } from '../../bench/seed/chronicle.ts';
import { Law } from '../../bench/seed/law.ts';
import { KeyedDigests } from '../../bench/seed/notes.ts';
import { citizenOf, paymentsOf, SEEDED_UNTIL } from '../../bench/seed/population.ts';
import { Timeline } from '../../bench/seed/timeline.ts';
import {
  type Fact,
  findPeriod,
  italy2020,
  makeIban,
  makeTaxCode,
  partitionOf,
  paymentScoreCents,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { NOWHERE } from '../../engine/place.ts';
import {
  ByteWriter,
  KeyedHash,
  openMemoryPersistence,
  openPersistence,
  type Persistence,
  verifyFolder,
} from '../../snapshots/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { seed as randomSeed } from '../support/random.ts';
import { value, World } from '../support/world.ts';

const CITIZENS = 2_000;
const SEED = 1 + (randomSeed % 1_000);
const PERIODS = [1, 2] as const;
const LATER = '2021-01-06T12:00:00+01:00';

interface Expected {
  readonly taxCode: string;
  readonly rawCents: number;
  readonly count: number;
  readonly lastTrxMs: number;
  readonly termsMs: number;
}

/** Who takes part in a period, in the order of the ranking (domain 5.1). */
function expected(awardPeriodId: number, storeCount: number): readonly Expected[] {
  const period = findPeriod(italy2020(), awardPeriodId)!;
  const timeline = new Timeline(CITIZENS, storeCount);
  const all: Expected[] = [];
  for (let group = 0; group < timeline.groupCount; group += 1) {
    const [first, end] = timeline.citizensOf(group);
    for (let number = first; number < end; number += 1) {
      const citizen = citizenOf(SEED, number);
      const isDecember = (trxMs: number) => trxMs < Date.parse('2021-01-01T00:00:00+01:00');
      const payments = paymentsOf(SEED, citizen).filter(({ trxMs }) => isDecember(trxMs) === (awardPeriodId === 1));
      if (payments.length === 0) continue;
      all.push({
        taxCode: citizen.taxCode,
        rawCents: payments.reduce((sum, { amountCents }) => sum + paymentScoreCents(amountCents, period), 0),
        count: payments.length,
        lastTrxMs: Math.max(...payments.map(({ trxMs }) => trxMs)),
        termsMs: timeline.enrolment(group)[0]!.nowMs,
      });
    }
  }
  return all.sort(
    (a, b) =>
      b.count - a.count || a.lastTrxMs - b.lastTrxMs || a.termsMs - b.termsMs || (a.taxCode < b.taxCode ? -1 : 1),
  );
}

const FEW = 40;

/** As the chronicle tells it to whoever listens. */
function factsOf(seed: number, hash: KeyedHash): readonly Fact[] {
  const facts: Fact[] = [];
  const listener: Listener = {
    begin: () => {},
    fact: (_, fact) => facts.push(fact),
    sent: () => {},
    sentWithin: () => {},
    taken: () => {},
    end: () => {},
  };
  const timeline = new Timeline(FEW, 1);
  const digests = new KeyedDigests(hash, new ByteWriter());
  const options = { seed, storeCount: 1, law: new Law(italy2020()), digests, everyIban: false };
  const chronicle = new Chronicle(options, timeline.citizensOf(0), listener);
  const rounds = timeline.enrolment(0);
  chronicle.enrol(rounds, { identity: () => ({ slot: 0, sealedTaxCode: SEAL }), payoff: () => SEAL });
  chronicle.pay(timeline.payments(0), rounds[0]!.nowMs);
  return facts;
}

const SEAL = new Uint8Array(1);

/**
 * What happened to each citizen and each card, in order. Seals and their slots are chance; places depend on who shares a
 * turn, and are told as the how-manieth of their partition.
 */
function byActor(facts: Iterable<Fact>): ReadonlyMap<string, readonly Fact[]> {
  const all = new Map<string, Fact[]>();
  const places = new Map<string, Map<number, number>>();
  const numbered = (list: string, place: number) => {
    const ofList = places.get(list) ?? new Map([[NOWHERE, 0]]);
    places.set(list, ofList);
    const known = ofList.get(place) ?? ofList.size;
    ofList.set(place, known);
    return known;
  };
  for (const fact of facts) {
    const actor = 'citizen' in fact && fact.kind !== 'cardActivated' ? fact.citizen : 'hpan' in fact ? fact.hpan : '';
    const list = `${fact.kind} ${partitionOf(actor)}`;
    all.set(actor, [...(all.get(actor) ?? []), placed(unsealed(fact), (place) => numbered(list, place))]);
  }
  return all;
}

function placed(fact: Fact, numbered: (place: number) => number): Fact {
  if (fact.kind === 'recordSet') {
    const { entry } = fact;
    return { ...fact, entry: { ...entry, place: numbered(entry.place), previous: numbered(entry.previous) } };
  }
  if (fact.kind !== 'paymentListed') return fact;
  const { payment } = fact;
  return { ...fact, payment: { ...payment, place: numbered(payment.place), previous: numbered(payment.previous) } };
}

function unsealed(fact: Fact): Fact {
  if (fact.kind === 'enrolled') return { ...fact, slot: 0, sealedTaxCode: SEAL };
  return fact.kind === 'payoffSet' ? { ...fact, payoff: { ...fact.payoff, sealed: SEAL } } : fact;
}

/** Sends the commands and records that a chronicle tells of to a real engine. */
async function relive(world: World, facts: readonly Fact[]): Promise<void> {
  const timeline = new Timeline(FEW, 1);
  for (let number = 0; number < FEW; number += 1) {
    const { taxCode, hasIban, cards } = citizenOf(SEED, number);
    const citizen = world.citizen(taxCode);
    const ids = facts.flatMap((fact) =>
      fact.kind === 'commandDone' && fact.citizen === citizen.key ? [fact.commandKey] : [],
    );
    const holder = { accountHolderCF: taxCode, accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };
    const bodies: readonly WalletCommandBody[] = [
      { kind: 'enrol' },
      ...(hasIban ? [{ kind: 'setIban', iban: makeIban(number), ...holder, checkStatus: 'OK' } as const] : []),
      ...cards.flatMap((hpan) => {
        const listed = facts.find((fact) => fact.kind === 'methodAdded' && fact.hpan === hpan);
        if (listed?.kind !== 'methodAdded') throw new Error('a card is listed');
        const { details } = listed;
        return [{ kind: 'addMethod', hpan, details } as const, { kind: 'enableCashback', hpan } as const];
      }),
    ];
    expect(ids).toHaveLength(bodies.length);
    for (const [index, body] of bodies.entries()) await citizen.do(body, ids[index]);
  }
  world.at(new Date(timeline.payments(0)[0]!.nowMs).toISOString());
  for (const fact of facts) {
    if (fact.kind === 'recordSet') await world.send(fact.entry.record);
  }
}

test('a chronicle is what the engine decides for the same commands', async () => {
  const memory = await openMemoryPersistence({ shardCount: 1 });
  const now = new Date(new Timeline(FEW, 1).enrolment(0)[0]!.nowMs).toISOString();
  const engine = await World.open({ persistence: memory, now });
  const hash = new KeyedHash(memory.indexKey);
  const told = factsOf(SEED, hash);
  await relive(engine, told);
  const journaled = [...memory.stores[0]!.journal.read(1)].flatMap(({ sections }) =>
    sections.flatMap(({ facts }) => facts.filter(({ kind }) => kind !== 'programmeSet')),
  );
  expect(byActor(journaled), `seed=${SEED}`).toEqual(byActor(told));
  await engine.engine.close();
});

test('the same seed gives the same facts, another one others', () => {
  const hash = new KeyedHash(Buffer.alloc(32, 1));
  expect(factsOf(7, hash)).toEqual(factsOf(7, hash));
  expect(factsOf(8, hash)).not.toEqual(factsOf(7, hash));
});

describe.each([1, 2])('a seeded folder of %i stores', (storeCount) => {
  const folder = mkdtempSync(join(tmpdir(), 'clickday-seed-'));
  const data = join(folder, 'data');
  let compiled: Compiled;
  let persistence: Persistence;
  let world: World;

  const seedInto = (path: string) => {
    const program = join(dirname(compiled.path), '..', '..', 'bench', 'seed.js');
    const words = ['--citizens', CITIZENS, '--stores', storeCount, '--seed', SEED, '--folder', path].map(String);
    return promisify(execFile)(process.execPath, [program, ...words]);
  };

  beforeAll(async () => {
    compiled = compile('test/bench/programs.ts');
    await seedInto(data);
  });

  afterAll(async () => {
    await world?.engine.close();
    await persistence?.close();
    compiled.remove();
    rmSync(folder, { recursive: true });
  });

  test('is sound, and nobody seeds it again', async () => {
    const { ok, differences, checked } = await verifyFolder(data);
    expect(differences, `seed=${SEED}`).toEqual([]);
    expect(ok).toBe(true);
    expect(checked).toMatchObject({ citizens: CITIZENS });
    await expect(seedInto(data)).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('is not empty') });
  });

  test('opens, with every total, count and rank as computed from scratch', async () => {
    persistence = await openPersistence({ folder: data });
    world = await World.open({ persistence, now: SEEDED_UNTIL });
    for (const awardPeriodId of PERIODS) {
      const participants = expected(awardPeriodId, storeCount);
      for (const [index, { taxCode, rawCents, count }] of participants.entries()) {
        const citizen = world.citizen(taxCode);
        expect(await citizen.total(awardPeriodId), `seed=${SEED}`).toMatchObject({
          rawCents,
          transactionNumber: count,
        });
        expect(await citizen.ranking(awardPeriodId), `seed=${SEED} ${taxCode}`).toMatchObject({
          ...{ ranking: index + 1, takesPart: true, totalParticipants: participants.length },
        });
      }
    }
    const stats = await world.engine.stats();
    expect(stats.citizensEnabled).toBe(CITIZENS);
    expect(world.engine.periods().map(({ status }) => status)).toEqual(['WAITING', 'ACTIVE', 'INACTIVE']);
  });

  test('a citizen sees cards and payments, and the IBAN where one was given', async () => {
    for (let number = 0; number < 20; number += 1) {
      const invented = citizenOf(SEED, number);
      const citizen = world.citizen(invented.taxCode);
      const wallet = await citizen.wallet();
      expect(wallet.methods.map(({ hpan }) => hpan).sort()).toEqual([...invented.cards].sort());
      expect(wallet.iban).toBe(invented.hasIban ? makeIban(number) : null);
      const listed = [...(await citizen.payments(1)), ...(await citizen.payments(2))];
      const ids = paymentsOf(SEED, invented).map(({ idTrxAcquirer }) => idTrxAcquirer);
      expect(listed).toHaveLength(ids.length);
    }
  });

  test('a payment that was seeded is known, a new one counts', async () => {
    world.at(LATER);
    const number = Array.from({ length: CITIZENS }, (_, each) => each).find(
      (each) => paymentsOf(SEED, citizenOf(SEED, each)).length > 0,
    )!;
    const citizen = citizenOf(SEED, number);
    const [payment] = paymentsOf(SEED, citizen);
    const { hpan, trxMs, idTrxAcquirer, amountCents } = payment!;
    const paid = { hpan, at: new Date(trxMs).toISOString(), cents: amountCents, id: idTrxAcquirer };
    expect(await world.pay(paid)).toEqual({ status: 'rejected', code: 'DUPLICATE_RECORD' });
    const before = await world.citizen(citizen.taxCode).total(2);
    expect(await world.pay({ hpan, at: '2021-01-05T20:00:00+01:00', cents: 1_000 })).toMatchObject({
      status: 'counted',
    });
    const after = await world.citizen(citizen.taxCode).total(2);
    expect(after.rawCents - before.rawCents).toBe(100);
  });

  test('commands go on: for who was seeded, and for who comes now', async () => {
    const [card] = citizenOf(SEED, 3).cards;
    const seeded = world.citizen(makeTaxCode(3));
    await seeded.disable(card!);
    const newcomer = world.citizen(makeTaxCode(CITIZENS));
    await newcomer.enrol();
    await newcomer.enable(card!);
    expect(value(await world.engine.instrument(newcomer.key, card!))).toMatchObject({ status: 'ACTIVE' });
    await world.engine.close();
    await persistence.close();
    const { differences } = await verifyFolder(data);
    expect(differences, `seed=${SEED}`).toEqual([]);
  });
});
