/** A short period to be paid: two payments are enough, the first three win; some citizens who have made them. */
import { type CommandReply, italy2020, makeIban, makeTaxCode, type Programme } from '../../engine/index.ts';
import { until } from './shards.ts';
import { type Citizen, hpan, type World } from './world.ts';

export const PAID_PERIOD = 1;
export const PERIOD_CLOSES = '2021-01-11T00:00:00+01:00';
export const PERIOD_BEGINS = '2020-12-07T10:00:00+01:00';
export const JACKPOT_CENTS = 1_500_00;

export function shortProgramme(): Programme {
  const italy = italy2020();
  const [christmas, ...others] = italy.periods;
  return {
    ...italy,
    periods: [{ ...christmas!, minTransactionNumber: 2, minPosition: 3, jackpotCents: JACKPOT_CENTS }, ...others],
  };
}

export function setIban(citizen: Citizen, number: number): Promise<CommandReply> {
  return citizen.must({
    kind: 'setIban',
    iban: makeIban(number),
    accountHolderCF: citizen.taxCode,
    accountHolderName: 'Anna',
    accountHolderSurname: 'Bianchi',
  });
}

/** Citizen i makes `counts[i]` payments of 100 euro, the last of them i minutes after the hour. */
export async function livePeriod(world: World, counts: readonly number[], hasIban = true): Promise<readonly Citizen[]> {
  const citizens: Citizen[] = [];
  for (const number of counts.keys()) {
    const citizen = world.citizen(makeTaxCode(number));
    citizens.push(citizen);
    await citizen.enrol();
    await citizen.enable(hpan(number));
    if (hasIban) await setIban(citizen, 0);
  }
  world.at('2020-12-20T23:00:00+01:00');
  for (const [number, count] of counts.entries()) {
    for (let at = 0; at < count; at += 1) {
      const minute = String(number % 60).padStart(2, '0');
      await world.pay({ hpan: hpan(number), at: `2020-12-20T1${at}:${minute}:00+01:00`, cents: 100_00 });
    }
  }
  return citizens;
}

/** At its end, and until its ranking is frozen. */
export async function closePeriod(world: World, at = PERIOD_CLOSES, awardPeriodId = PAID_PERIOD): Promise<void> {
  world.at(at);
  await until(async () => {
    world.engine.tick();
    return (await world.engine.stats()).rankings.some((one) => one.awardPeriodId === awardPeriodId && one.isFrozen);
  }, 'the ranking frozen');
}
