// Method: more cards than a page holds, all in one partition, enabled and disabled in turns over days while small checkpoints
// run; the pages of a day, together, are held to a list that the test keeps itself.
import { expect, test } from 'vitest';
import { type Engine, makeTaxCode, romeDayNumber } from '../../engine/index.ts';
import { Random, seed } from '../support/random.ts';
import { instant, World } from '../support/world.ts';

const CITIZENS = 20;
const CARDS_EACH = 60;
const PARTITION_ZERO = '00';

const cardOf = (number: number) => PARTITION_ZERO + number.toString(16).padStart(62, '0');
const dayOf = (text: string) => romeDayNumber(instant(`${text}T12:00:00+01:00`));

async function coveredOn(engine: Engine, dayNumber: number): Promise<{ pages: number; hpans: readonly string[] }> {
  const hpans: string[] = [];
  let pages = 0;
  for (let cursor: string | null = '0'; cursor !== null; pages += 1) {
    const page = await engine.covered({ dayNumber, cursor });
    if (!page.ok) throw new Error(page.code);
    hpans.push(...page.value.hpans);
    cursor = page.value.nextCursor;
  }
  return { pages, hpans };
}

test('a day’s pages hold every card that an activation covers, once, whether its row is written, older or not there', async () => {
  const random = new Random(seed);
  const world = await World.open({ now: '2020-12-07T10:00:00+01:00', checkpointRowCount: 50 });
  const citizens = Array.from({ length: CITIZENS }, (_, number) => world.citizen(makeTaxCode(number)));
  for (const citizen of citizens) await citizen.enrol();
  const enabled = new Set<string>();
  const change = async (isOn: boolean) => {
    for (let number = 0; number < CITIZENS * CARDS_EACH; number += 1) {
      const hpan = cardOf(number);
      if (random.below(2) === 0 || enabled.has(hpan) === isOn) continue;
      const citizen = citizens[number % CITIZENS]!;
      await citizen.do(isOn ? { kind: 'enableCashback', hpan } : { kind: 'disableCashback', hpan });
      if (isOn) enabled.add(hpan);
      else enabled.delete(hpan);
    }
  };

  await change(true);
  const first = [...enabled].sort();
  world.at('2020-12-09T10:00:00+01:00');
  await change(false);
  const left = [...enabled].sort();
  await change(true);
  expect((await coveredOn(world.engine, dayOf('2020-12-07'))).hpans).toEqual([]);
  // On the day itself what was disabled still counts, and what was enabled does not yet.
  for (const day of ['2020-12-08', '2020-12-09']) {
    const { pages, hpans } = await coveredOn(world.engine, dayOf(day));
    expect(hpans).toEqual(first);
    expect(pages).toBeGreaterThan(64);
  }
  expect((await coveredOn(world.engine, dayOf('2020-12-10'))).hpans).toEqual([...enabled].sort());
  expect(left.length).toBeLessThan(first.length);

  expect(await world.engine.covered({ dayNumber: dayOf('2020-12-10'), cursor: 'nonsense' })).toEqual({
    ok: true,
    value: { hpans: [], nextCursor: null },
  });
});
