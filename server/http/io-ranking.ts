/** A citizen's place in the Super Cashback, in both versions of the contract (domain 5.5). */
import type { CitizenKey, Engine } from '../../engine/index.ts';
import { type CitizenCallOptions, optionalNumber, requiredNumber } from './citizen-call.ts';
import { BASE, CITIZEN, citizenOf } from './io-call.ts';
import { milestoneResource, rankingResource } from './io-resources.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

export function rankingRoutes({ engine }: CitizenCallOptions): readonly Route[] {
  const path = `${BASE}/citizen`;
  const keyOf = (call: Call) => citizenOf(engine, call).key;
  return [
    {
      method: 'GET',
      path: `${path}/ranking`,
      roles: CITIZEN,
      feature: 'ranking',
      function: 'ranking',
      handle: (call) => readRanking(engine, call, keyOf(call)),
    },
    {
      method: 'GET',
      path: `${path}/v2/ranking`,
      roles: CITIZEN,
      feature: 'ranking',
      function: 'ranking',
      handle: (call) => readRankingV2(engine, call, keyOf(call)),
    },
    {
      method: 'GET',
      path: `${path}/v2/ranking/milestone`,
      roles: CITIZEN,
      feature: 'ranking',
      function: 'ranking',
      handle: (call) => readMilestone(engine, call),
    },
  ];
}

/** 404 for who never enrolled and for who has left (DECISION 26). */
export async function readRanking(engine: Engine, call: Call, key: CitizenKey): Promise<Answer> {
  const awardPeriodId = optionalNumber(call, 'awardPeriodId');
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const wallet = await engine.wallet(key);
  if (!wallet.ok) return wallet;
  if (!wallet.value.enabled) return refuse('CITIZEN_NOT_FOUND');
  const rankings = await engine.rankings(key, awardPeriodId);
  return rankings.ok ? json(rankings.value.map(rankingResource)) : rankings;
}

/** `[]` where version 1 says 404. */
async function readRankingV2(engine: Engine, call: Call, key: CitizenKey): Promise<Answer> {
  const awardPeriodId = optionalNumber(call, 'awardPeriodId');
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const wallet = await engine.wallet(key);
  if (!wallet.ok) return wallet.code === 'CITIZEN_NOT_FOUND' ? json([]) : wallet;
  return wallet.value.enabled ? rankingWithMilestones(engine, key, awardPeriodId) : json([]);
}

/** One period, which must be named; `[]` for who has left, 404 for who never enrolled (DECISION 40 of 26). */
async function readMilestone(engine: Engine, call: Call): Promise<Answer> {
  const awardPeriodId = requiredNumber(call, 'awardPeriodId');
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const { key } = citizenOf(engine, call);
  const wallet = await engine.wallet(key);
  if (!wallet.ok) return wallet;
  return wallet.value.enabled ? rankingWithMilestones(engine, key, awardPeriodId) : json([]);
}

async function rankingWithMilestones(
  engine: Engine,
  key: CitizenKey,
  awardPeriodId: number | undefined,
): Promise<Answer> {
  const rankings = await engine.rankings(key, awardPeriodId);
  if (!rankings.ok) return rankings;
  const resources: object[] = [];
  for (const ranking of rankings.value) {
    const [milestones, total] = await Promise.all([
      engine.milestones(key, ranking.awardPeriodId),
      engine.total(key, ranking.awardPeriodId),
    ]);
    if (!milestones.ok) return milestones;
    if (!total.ok) return total;
    const period = engine.programme.periods.find((each) => each.awardPeriodId === ranking.awardPeriodId);
    const milestone = milestoneResource(milestones.value, total.value, period);
    resources.push({ ...rankingResource(ranking), milestoneResource: milestone });
  }
  return json(resources);
}
