/**
 * Made-up participants of a semester, the same for every structure that is measured.
 *
 * How many payments they have follows the first semester of 2021: 759 million by 7.9 million citizens, so 96 each; three
 * quarters above the 50 that earn the refund, most of them not by much; rank 100,000 of them at 787, and a long tail.
 * Last payments are spread over the semester, terms over the weeks before it.
 *
 * Whoever is read or moved is drawn evenly from all of them, and nobody is read or moved twice in a row: a small set
 * would soon be in the processor's caches, ten million citizens never are.
 */
import { SeededRandom } from '../client/replay/random.ts';
import type { Participant } from '../engine/ranking/ranking.ts';

const DAY_MS = 86_400_000;
export const SEMESTER_START_MS = Date.UTC(2021, 0, 1);
export const SEMESTER_MS = 181 * DAY_MS;
/** Enrolment opened so long before. */
const ENROLMENT_MS = 24 * DAY_MS;

/** How many payments the citizen has who is at this share of the ranking, from its top; in between logarithmic. */
const PAYMENTS_AT_SHARE = [
  { share: 0, payments: 4_000 },
  { share: 0.001, payments: 1_500 },
  { share: 100_000 / 7_913_084, payments: 787 },
  { share: 0.05, payments: 260 },
  { share: 0.1, payments: 140 },
  { share: 0.25, payments: 80 },
  { share: 0.5, payments: 60 },
  { share: 0.75, payments: 51 },
  { share: 0.9, payments: 22 },
  { share: 1, payments: 1 },
] as const;

/** One at a time and in no order, so that ten million are never so many objects. */
export function* makeParticipants(seed: number, count: number): Generator<Participant, void, undefined> {
  const random = new SeededRandom(seed);
  const key = Buffer.alloc(16);
  for (let made = 0; made < count; made += 1) {
    const standing = {
      count: paymentsAt(random.next()),
      lastTrxMs: SEMESTER_START_MS + random.below(SEMESTER_MS),
      termsMs: SEMESTER_START_MS - random.below(ENROLMENT_MS),
    };
    for (let at = 0; at < key.length; at += 4) key.writeUInt32LE(random.below(2 ** 32), at);
    yield { citizen: key.toString('hex'), standing };
  }
}

/** The same participant after one more payment, the `step`th since the semester ended for all others. */
export function afterPayment({ citizen, standing }: Participant, step: number): Participant {
  const lastTrxMs = SEMESTER_START_MS + SEMESTER_MS + step;
  return { citizen, standing: { ...standing, count: standing.count + 1, lastTrxMs } };
}

function paymentsAt(share: number): number {
  const lower = PAYMENTS_AT_SHARE.findIndex((known) => known.share > share);
  const [above, below] = [PAYMENTS_AT_SHARE[lower - 1]!, PAYMENTS_AT_SHARE[lower]!];
  const way = (share - above.share) / (below.share - above.share);
  return Math.floor(above.payments * (below.payments / above.payments) ** way);
}
