/** Which cards were enrolled on a day: what acquirers filter their payments by (domain 2.2, 6.3), a page at a time. */
import { coversDay } from '../card/ownership.ts';
import { actorPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { CoveredPage, CoveredPart } from './parts.ts';

export function coveredCards(actors: Actors, { dayNumber, ...part }: CoveredPart): CoveredPage {
  const { entries, next } = actorPage(actors, 'card', part);
  const covered = entries.filter(([, { history }]) => history.some((row) => coversDay(row, dayNumber)));
  return { hpans: covered.map(([hpan]) => hpan), next };
}
