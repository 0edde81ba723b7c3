// Method: a programme file is damaged or changed in one place, at random from a seed; it is refused with the name of the
// parameter, or it is a programme: then an engine is made with it, which judges payments and closes its first period.
import { expect, test } from 'vitest';
import { canonicalJson, checkProgramme, dayStartMs, isoText, makeTaxCode, type Programme } from '../../engine/index.ts';
import { dayNumberOf, italy2020, periodViews } from '../../engine/programme/index.ts';
import { Random, seed } from '../support/random.ts';
import { until } from '../support/shards.ts';
import { hpan, World } from '../support/world.ts';

const MUTATIONS = 400;
/** Of those that are good, only so many are tried on an engine. */
const ENGINES = 15;

type Json = Record<string, unknown>;

const VALUES: readonly unknown[] = [
  ...[null, true, false, '', ' ', 'x', 'x'.repeat(201), '10', 0, -0, 1, 3, 50, 100, 101, -1, 0.5, 1e300, 9_999_999_999],
  ...[10_000_000_000, 2 ** 32, [], [1], {}, { a: 1 }, [[]], '2021-02-29', '2021-02-28', '1995-12-31', '2100-12-31'],
  ...['2101-01-01', '2021-13-01', '2021-1-1', '2021-07-01T00:00:00Z', { '03': ['36081'] }, { '3': ['36081'] }],
  ...[{ '03': [] }, { '03': ['3608'] }, { '03': '36081' }, { '03': [36081] }, '\u0000', '__proto__', 999_999_999],
];

interface Mutated {
  readonly file: Json;
  /** Names, of which one has to be in the sentence. */
  readonly names: readonly string[];
  readonly what: string;
}

/** What a period says together with others is named by its days. */
const TOGETHER = ['startDay', 'endDay', 'awardPeriodId'];

function mutated(random: Random): Mutated {
  const file = JSON.parse(JSON.stringify(italy2020())) as Json & { periods: Json[] };
  const index = random.below(file.periods.length + 1);
  const isPeriod = index < file.periods.length;
  const target: Json = isPeriod ? file.periods[index]! : file;
  const path = isPeriod ? `periods[${index}]` : 'programme';
  const name = random.pick(Object.keys(target));
  const kind = random.pick(['set', 'set', 'set', 'set', 'remove', 'add', 'copy'] as const);
  const together = TOGETHER.map((each) => `.${each}`);
  switch (kind) {
    case 'set': {
      const value = random.pick(VALUES);
      target[name] = value;
      const names = [`${path}.${name}`, ...(name === 'periods' ? ['periods[0]'] : []), ...together];
      return { file, names, what: `${path}.${name} = ${JSON.stringify(value)}` };
    }
    case 'remove':
      delete target[name];
      return { file, names: [`${path}.${name} is missing`], what: `${path} without ${name}` };
    case 'add': {
      const added = random.pick(['maxAmount', 'Name', 'constructor', 'toString', '']);
      target[added] = random.pick(VALUES);
      return { file, names: [`${path}.${added} is not a field`], what: `${path} with ${JSON.stringify(added)}` };
    }
    case 'copy':
      file.periods.push({ ...random.pick(file.periods), awardPeriodId: random.pick([1, 2, 9]) });
      return { file, names: together, what: 'one period twice' };
  }
}

/** From before the first period on, until it has closed. */
async function live(programme: Programme): Promise<void> {
  const first = programme.periods.find(({ isSuspended }) => !isSuspended);
  if (first === undefined) return;
  const startMs = dayStartMs(dayNumberOf(first.startDay)!);
  const [beforeMs, duringMs] = [startMs - 86_400_000, startMs + 3_600_000];
  const world = await World.open({ programme, now: isoText(beforeMs) });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(hpan(1));
  world.at(isoText(duringMs));
  const outcome = await world.pay({ hpan: hpan(1), at: isoText(startMs + 1), cents: 9_999_999_999 });
  expect(outcome).toMatchObject({ status: 'counted' });
  expect(Number.isSafeInteger((await citizen.total(first.awardPeriodId)).shownCents)).toBe(true);
  world.at(isoText(dayStartMs(dayNumberOf(first.endDay)! + first.graceDays + 1)));
  await until(async () => {
    world.engine.tick();
    const { rankings } = await world.engine.stats();
    return rankings.some(({ awardPeriodId, isFrozen }) => awardPeriodId === first.awardPeriodId && isFrozen);
  }, 'its first period frozen');
  expect(await world.engine.makePayouts(first.awardPeriodId, null)).toMatchObject({ ok: true });
  await world.engine.close();
  expect(world.faults).toEqual([]);
}

test('a programme file with one thing changed is refused by the name of the parameter, or is lived by', async () => {
  const random = new Random(seed);
  const good: Programme[] = [];
  for (let count = 0; count < MUTATIONS; count += 1) {
    const { file, names, what } = mutated(random);
    const checked = checkProgramme(JSON.parse(JSON.stringify(file)));
    if (checked.ok) {
      expect(checkProgramme(JSON.parse(canonicalJson(checked.programme))), `seed=${seed} ${what}`).toMatchObject({
        ok: true,
      });
      expect(periodViews(checked.programme, Date.UTC(2021, 0, 1)).length).toBeLessThanOrEqual(
        Array.isArray(file.periods) ? file.periods.length : 0,
      );
      good.push(checked.programme);
    } else {
      const isNamed = names.some((name) => checked.problem.includes(name));
      expect(isNamed, `seed=${seed} ${what}: ${checked.problem}`).toBe(true);
    }
  }
  expect(good.length).toBeGreaterThan(MUTATIONS / 20);
  expect(good.length).toBeLessThan(MUTATIONS / 2);
  for (const programme of good.slice(0, ENGINES)) await live(programme);
});
