/** Which cards were enrolled on a day: what acquirers filter their payments by (domain 2.2, 6.3), a page at a time. */
import { coversDay } from '../card/ownership.ts';
import { headPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { CoveredPage, CoveredPart } from './parts.ts';

export function coveredCards(actors: Actors, { dayNumber, ...part }: CoveredPart): CoveredPage {
  const { values, next } = headPage(actors, 'card', part);
  const covered = values.filter(({ history }) => history.some((row) => coversDay(row, dayNumber)));
  return { hpans: covered.map(({ hpan }) => hpan), next };
}
