// Method: the same ids and the same cards are asked for at once, with the disk held and let go in seeded steps, so that
// turns of the shards meet in many orders; effects are counted as facts in the journal. One and three shards.
import { describe, expect, test } from 'vitest';
import { type CommandReply, type Done, type MethodDetails, makeTaxCode } from '../../engine/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { factsOf } from '../support/journal.ts';
import { Random, seed } from '../support/random.ts';
import { hpanElsewhere, openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, type World } from '../support/world.ts';

const ID = 'f'.repeat(32);
const DETAILS: MethodDetails = { methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '', issuerAbi: '' };
const TAKEN = { ok: false, code: 'INSTRUMENT_TAKEN' };

async function enrolled(world: World, ...numbers: readonly number[]): Promise<Citizen[]> {
  const citizens = numbers.map((number) => world.citizen(makeTaxCode(number)));
  for (const citizen of citizens) await citizen.enrol();
  return citizens;
}

function answersOf(replies: readonly CommandReply[]): readonly unknown[] {
  return replies.map((reply) => (reply.ok ? reply.answer : reply.code));
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('fault 28: a thousand sends of one id have one effect and one answer', async () => {
    const { world } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const card = hpanElsewhere(anna.key, 3);
    const send = () => anna.do({ kind: 'enableCashback', hpan: card }, ID);
    const replies = await Promise.all(Array.from({ length: 1_000 }, send));
    expect(new Set(replies.map((reply) => JSON.stringify(reply.ok && reply.answer))).size).toBe(1);
    expect(factsOf(world, 'cardActivated')).toHaveLength(1);
    expect(factsOf(world, 'claimStarted')).toHaveLength(1);

    world.at('2020-12-09T10:00:00+01:00');
    const late = (await send()) as Done;
    expect(late).toMatchObject({ ok: true, repeated: true, answer: (replies[0] as Done).answer });
    expect(late.position).toEqual((replies[0] as Done).position);
  });

  test('fault 28: the answer of an id stands although the world has moved on, also after a restart', async () => {
    const { world, disk } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const enabling = { kind: 'enableCashback', hpan: hpan(1) } as const;
    const first = (await anna.do(enabling, ID)) as Done;
    world.at('2020-12-08T10:00:00+01:00');
    await anna.disable(hpan(1));
    expect(await anna.do(enabling, ID)).toMatchObject({ ok: true, repeated: true, answer: first.answer });
    await world.engine.close();

    const { world: later } = await openOnDisk({ disk, now: '2020-12-09T10:00:00+01:00' });
    const again = later.citizen(anna.taxCode);
    expect(await again.do(enabling, ID)).toMatchObject({ ok: true, repeated: true, answer: first.answer });
    expect((await again.wallet()).methods).toMatchObject([{ cashback: 'off' }]);
    expect(value(await later.engine.outcome(again.key, again.origin, ID))).toEqual({
      state: 'done',
      command: 'enableCashback',
      answer: first.answer,
    });
  });

  test('fault 30: every one of many ids is known for ever, in whatever order they came, also those in pages', async () => {
    const random = new Random(seed);
    const { world, disk } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const first = new Map<string, CommandReply>();
    for (let index = 0; index < 100; index += 1) {
      // The id of the enrolment begins with a nought.
      const id = `${(1 + random.below(1_000)).toString(16).padStart(8, '0')}${index.toString(16).padStart(24, '0')}`;
      first.set(id, await anna.do({ kind: 'addMethod', hpan: hpan(1 + (index % 50)), details: DETAILS }, id));
    }
    await world.engine.close();

    const { world: later } = await openOnDisk({ disk, now: '2020-12-09T10:00:00+01:00' });
    const again = later.citizen(anna.taxCode);
    let index = 0;
    for (const [id, reply] of first) {
      const body = { kind: 'addMethod', hpan: hpan(1 + (index % 50)), details: DETAILS } as const;
      index += 1;
      expect(await again.do(body, id), `seed=${seed} id=${id}`).toEqual({ ...reply, repeated: true });
      expect(await again.do({ kind: 'enableAll' }, id), `seed=${seed} id=${id}`).toMatchObject({ code: 'ID_REUSED' });
      const outcome = value(await later.engine.outcome(again.key, again.origin, id));
      expect(outcome, `seed=${seed} id=${id}`).toMatchObject({ state: 'done' });
    }
    expect(factsOf(later, 'commandsPaged').length).toBeGreaterThan(4);
    expect(factsOf(later, 'commandDone')).toHaveLength(101);
  });

  test('fault 29: the same id with another body is refused, while the first is under way and after', async () => {
    const { world, disk } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const card = hpanElsewhere(anna.key, 3);
    disk.hold();
    const first = anna.do({ kind: 'enableCashback', hpan: card }, ID);
    await turnsTaken();
    const others = [
      anna.do({ kind: 'enableCashback', hpan: hpan(99) }, ID),
      anna.do({ kind: 'enableCashback', hpan: card, tokens: [hpan(99)] }, ID),
      anna.do({ kind: 'leave' }, ID),
    ];
    await releaseOneByOne(disk);
    expect(await first).toMatchObject({ ok: true });
    const reused = { ok: false, code: 'ID_REUSED' };
    expect(await Promise.all(others)).toEqual([reused, reused, reused]);
    expect(await anna.do({ kind: 'disableCashback', hpan: card }, ID)).toEqual(reused);
    expect(await anna.wallet()).toMatchObject({ enabled: true, methods: [{ hpan: card, cashback: 'enabled' }] });
    expect(factsOf(world, 'cardActivated')).toHaveLength(1);
  });

  test('promise 2: ids are unique per role and subject, so an issuer’s does not hide a citizen’s', async () => {
    const { world } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const ask = (subject: string, number: number) =>
      anna.do({ kind: 'enableCashback', hpan: hpan(number) }, ID, { role: 'issuer', subject, channel: subject });
    const replies = [
      await anna.do({ kind: 'enableCashback', hpan: hpan(1) }, ID),
      await ask('03069', 2),
      await ask('02008', 3),
    ];
    expect(replies).toMatchObject([1, 2, 3].map(() => ({ ok: true, repeated: false })));
    expect((await anna.wallet()).methods.map(({ channel }) => channel)).toEqual(['app-io-channel', '03069', '02008']);
  });

  test('promise 8: a refusal leaves no trace, and the same id is judged anew', async () => {
    const { world } = await openOnDisk({ shardCount });
    const [anna, bruno] = (await enrolled(world, 1, 2)) as [Citizen, Citizen];
    await anna.enable(hpan(1));
    const enabling = { kind: 'enableCashback', hpan: hpan(1) } as const;
    expect(await bruno.do(enabling, ID)).toEqual(TAKEN);
    expect(value(await world.engine.outcome(bruno.key, bruno.origin, ID))).toEqual({ state: 'not-done' });
    expect(await bruno.wallet()).toMatchObject({ methods: [] });
    await anna.disable(hpan(1));
    expect(await bruno.do(enabling, ID)).toMatchObject({ ok: true, repeated: false });
    expect(value(await world.engine.outcome(bruno.key, bruno.origin, ID))).toMatchObject({ state: 'done' });
    // Nobody else's outcome is told.
    expect(value(await world.engine.outcome(anna.key, anna.origin, ID))).toEqual({ state: 'not-done' });
  });

  test('fault 30: everything sent again days later changes nothing', async () => {
    const { world } = await openOnDisk({ shardCount });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const ids = [1, 2, 3, 4].map((number) => String(number).repeat(32));
    const all = async () => [
      await anna.do({ kind: 'addMethod', hpan: hpan(1), details: DETAILS }, ids[0]!),
      await anna.do({ kind: 'enableAll' }, ids[1]!),
      await anna.do({ kind: 'enableCashback', hpan: hpan(2) }, ids[2]!),
      await anna.do({ kind: 'disableCashback', hpan: hpan(1) }, ids[3]!),
    ];
    const first = await all();
    world.at('2020-12-10T12:00:00+01:00');
    const payment = { hpan: hpan(2), at: '2020-12-09T12:00:00+01:00', cents: 1_000, id: 'ONCE' };
    await world.pay(payment);
    const see = async () => ({ ...(await anna.wallet()), position: null, total: await anna.total(1) });
    const before = await see();
    world.at('2021-01-05T12:00:00+01:00');
    const second = await all();
    expect(answersOf(second)).toEqual(answersOf(first));
    expect(second).toMatchObject(second.map(() => ({ ok: true, repeated: true })));
    expect(await world.pay(payment)).toEqual({ status: 'rejected', code: 'DUPLICATE_RECORD' });
    expect(await see()).toEqual(before);
  });
});

describe('outcomes that were not heard', () => {
  test('fault 51: an operation under way is in progress, also across a crash, and ends by itself', async () => {
    const { world, disk } = await openOnDisk({ shardCount: 3 });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    const card = hpanElsewhere(anna.key, 3);
    disk.hold();
    void anna.do({ kind: 'enableCashback', hpan: card }, ID);
    const state = async (id = ID) => value(await world.engine.outcome(anna.key, anna.origin, id)).state;
    // In the mailbox, then decided and not flushed: it may still be done.
    expect([await state(), await state('1'.repeat(32))]).toEqual(['in-progress', 'not-done']);
    await turnsTaken();
    expect(await state()).toBe('in-progress');
    disk.release(1);
    await turnsTaken();
    expect(value(await world.engine.outcome(anna.key, anna.origin, ID))).toEqual({ state: 'in-progress' });
    disk.crash();

    const { world: again } = await openOnDisk({ disk, now: '2020-12-07T10:00:01+01:00' });
    const same = again.citizen(anna.taxCode);
    const { activationMs } = (await same.wallet()).methods[0]!;
    expect(activationMs).toBe(instant('2020-12-07T10:00:01+01:00'));
    expect(value(await again.engine.outcome(same.key, same.origin, ID))).toEqual({
      state: 'done',
      command: 'enableCashback',
      answer: { activationMs },
    });
    expect(factsOf(again, 'cardActivated')).toHaveLength(1);

    // Messages of before the crash and after it are one series to the inspector, who shares no code with the engine.
    expect(await same.do({ kind: 'disableCashback', hpan: card }, 'd'.repeat(32))).toMatchObject({ ok: true });
    expect(await same.do({ kind: 'enableCashback', hpan: card }, 'e'.repeat(32))).toMatchObject({ ok: true });
    await again.engine.close();
    expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
  });

  test('fault 51: what never reached the disk is not done, and may be sent again', async () => {
    const { world, disk } = await openOnDisk({ shardCount: 3 });
    const [anna] = (await enrolled(world, 1)) as [Citizen];
    disk.hold();
    void anna.do({ kind: 'enableCashback', hpan: hpan(1) }, ID);
    await turnsTaken();
    disk.crash();
    const { world: again } = await openOnDisk({ disk, now: '2020-12-07T10:00:01+01:00' });
    const same = again.citizen(anna.taxCode);
    expect(value(await again.engine.outcome(same.key, same.origin, ID))).toEqual({ state: 'not-done' });
    expect(await same.do({ kind: 'enableCashback', hpan: hpan(1) }, ID)).toMatchObject({ ok: true, repeated: false });
  });
});

// Races for one card. Between any two sends the shards may take some turns, and some flushes may be let through.

const ROUNDS = 40;

/** One of many races in one world, each for cards of its own. */
interface Round {
  readonly world: World;
  readonly random: Random;
  readonly card: string;
  readonly others: readonly [string, string, string];
  /** Enrolled citizens whom no other round has. */
  readonly citizens: readonly [Citizen, Citizen, Citizen];
  /** From here on nothing is durable until `pause` or `settle` lets it through. */
  readonly hold: () => void;
  readonly pause: () => Promise<void>;
  readonly settle: () => Promise<void>;
}

async function race(shardCount: number, run: (round: Round) => Promise<void>): Promise<World> {
  const { world, disk } = await openOnDisk({ shardCount });
  const random = new Random(seed + shardCount);
  const pause = async () => {
    for (let turns = random.below(3); turns > 0; turns -= 1) await turnsTaken();
    disk.release(random.below(3));
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = 1 + 4 * round;
    await run({
      world,
      random,
      card: hpan(first),
      others: [hpan(first + 1), hpan(first + 2), hpan(first + 3)],
      citizens: (await enrolled(world, first, first + 1, first + 2)) as [Citizen, Citizen, Citizen],
      hold: () => disk.hold(),
      pause,
      settle: () => releaseOneByOne(disk),
    });
  }
  expect(world.faults, `seed=${seed}`).toEqual([]);
  return world;
}

describe.each([1, 3])('races on %i shards', (shardCount) => {
  test('fault 31: two devices that enable one card at once are both told the same activation', async () => {
    const world = await race(shardCount, async ({ card, citizens: [anna], hold, pause, settle }) => {
      hold();
      const sent: Promise<CommandReply>[] = [];
      for (let device = 0; device < 3; device += 1) {
        sent.push(anna.do({ kind: 'enableCashback', hpan: card }));
        await pause();
      }
      await settle();
      const { activationMs } = (await anna.wallet()).methods[0]!;
      expect(answersOf(await Promise.all(sent))).toEqual(sent.map(() => ({ activationMs })));
    });
    expect(factsOf(world, 'cardActivated')).toHaveLength(ROUNDS);
  });

  test('fault 32: of several citizens who enable one card at once exactly one gets it, and the others learn no more', async () => {
    const world = await race(shardCount, async ({ world, card, citizens, hold, pause, settle }) => {
      hold();
      const sent: Promise<CommandReply>[] = [];
      for (const citizen of citizens) {
        sent.push(citizen.do({ kind: 'enableCashback', hpan: card }));
        await pause();
      }
      await settle();
      const replies = await Promise.all(sent);
      expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
      for (const [index, reply] of replies.entries()) {
        if (!reply.ok) expect(reply).toEqual(TAKEN);
        const seen = await world.engine.instrument(citizens[index]!.key, card);
        expect(seen).toMatchObject(reply.ok ? { value: { status: 'ACTIVE' } } : { code: 'INSTRUMENT_NOT_FOUND' });
        expect((await citizens[index]!.wallet()).methods).toHaveLength(reply.ok ? 1 : 0);
      }
    });
    expect(factsOf(world, 'cardActivated')).toHaveLength(ROUNDS);
  });

  test('two devices that switch a card on and off are obeyed in the order in which they came', async () => {
    await race(shardCount, async ({ world, random, card, citizens: [anna], hold, pause, settle }) => {
      hold();
      const wishes = Array.from({ length: 6 }, () => random.below(2) === 0);
      const sent: Promise<CommandReply>[] = [];
      for (const isOn of wishes) {
        sent.push(anna.do({ kind: isOn ? 'enableCashback' : 'disableCashback', hpan: card }));
        await pause();
      }
      await settle();
      // Only a card that was never on cannot be switched off.
      const firstOn = wishes.indexOf(true);
      const replies = await Promise.all(sent);
      expect(replies.map(({ ok }) => ok)).toEqual(wishes.map((_, index) => firstOn !== -1 && index >= firstOn));
      const seen = await world.engine.instrument(anna.key, card);
      const status = firstOn === -1 ? 'INSTRUMENT_NOT_FOUND' : wishes.at(-1) ? 'ACTIVE' : 'INACTIVE';
      expect(seen.ok ? seen.value.status : seen.code).toBe(status);
    });
  });

  test('DECISION 38: an activation whose token is taken gives back what it got, and leaves the others as they were', async () => {
    await race(shardCount, async ({ world, card, others: [free, taken], citizens, hold, pause, settle }) => {
      const [anna, bruno, carla] = citizens;
      await bruno.enable(taken);
      hold();
      const asked = { kind: 'enableCashback', hpan: card, tokens: [free, taken] } as const;
      const id = world.nextId();
      const refused = anna.do(asked, id);
      await pause();
      const meanwhile = carla.do({ kind: 'enableCashback', hpan: free });
      await settle();
      expect(await refused).toEqual(TAKEN);
      const { methods } = await anna.wallet();
      expect(methods.filter(({ cashback }) => cashback !== 'off')).toEqual([]);
      expect(await world.engine.instrument(bruno.key, taken)).toMatchObject({ value: { status: 'ACTIVE' } });

      // Carla came before Anna had the token, while she had it, or after: she has it, or nobody.
      const got = await meanwhile;
      if (got.ok) await carla.disable(free);
      else expect(got).toEqual(TAKEN);
      await bruno.disable(taken);
      expect(await anna.do(asked, id)).toMatchObject({ ok: true, repeated: false });
      expect((await anna.wallet()).methods.map(({ cashback }) => cashback)).toEqual(new Array(3).fill('enabled'));
    });
  });

  test('leaving while cards are being enabled ends with none of them enabled', async () => {
    await race(shardCount, async ({ card, others: [one, two, three], citizens, hold, pause, settle }) => {
      const [anna, bruno] = citizens;
      hold();
      const enabling = anna.do({ kind: 'enableCashback', hpan: card, tokens: [one, two] });
      await pause();
      const leaving = anna.do({ kind: 'leave' });
      await pause();
      const tooLate = anna.do({ kind: 'enableCashback', hpan: three });
      await settle();
      expect(await enabling).toMatchObject({ ok: true });
      expect(await leaving).toMatchObject({ ok: true });
      expect(await tooLate).toEqual({ ok: false, code: 'CITIZEN_NOT_ENABLED' });
      expect((await anna.wallet()).methods.map(({ cashback }) => cashback)).toEqual(['off', 'off', 'off']);
      await bruno.enable(card);
    });
  });
});
