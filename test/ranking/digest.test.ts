// Method: rankings of lengths around whole thousands, against the sentence that says what a digest is; a plain hash in the
// place of the keyed one.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { rankingDigest } from '../../engine/ranking/digest.ts';
import { Random, seed } from '../support/random.ts';
import { makeCitizen, makeStanding } from './crowd.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

test.each([0, 1, 999, 1_000, 1_001, 2_000, 2_500])('the digest of %i participants is made of thousands', (count) => {
  const random = new Random(seed);
  const participants = Array.from({ length: count }, () => ({
    citizen: makeCitizen(random),
    standing: makeStanding(random),
  }));
  const lines = participants.map(({ citizen, standing }) =>
    [citizen, standing.count, standing.lastTrxMs, standing.termsMs].join(' '),
  );
  let due = hash('ranking');
  while (lines.length >= 1_000) due = hash([due, ...lines.splice(0, 1_000)].join('\n'));
  due = hash([due, ...lines].join('\n'));
  expect(rankingDigest(participants, hash)).toBe(due);
});
