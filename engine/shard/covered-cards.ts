/** Which cards were enrolled on a day: what acquirers filter their payments by (domain 2.2, 6.3), a page at a time. */
import type { Card } from '../card/card.ts';
import { coversDay } from '../card/ownership.ts';
import type { Hpan } from '../contract.ts';
import type { Actors } from './actors.ts';
import type { CoveredPage, CoveredPart } from './parts.ts';

/** What no row has yet, or has older, comes in its place among the rows that are looked at. */
export function coveredCards(actors: Actors, { partition, dayNumber, after, countMax }: CoveredPart): CoveredPage {
  const found: Hpan[] = [];
  const take = ({ hpan, history }: Card) => {
    if (history.some((row) => coversDay(row, dayNumber))) found.push(hpan);
  };
  let lookedAt = 0;
  let last: Hpan | null = null;
  for (const [{ entity }, { value }] of actors.rows.scan('card', partition, after === '' ? undefined : after)) {
    if (entity === after) continue;
    if (lookedAt === countMax) break;
    lookedAt += 1;
    last = entity;
    if (!actors.isUnwritten(entity)) take(value);
  }
  const isLast = lookedAt < countMax;
  for (const card of actors.unwritten('card', partition) as Iterable<Card>) {
    if (card.hpan > after && (isLast || card.hpan <= last!)) take(card);
  }
  return { hpans: found.sort(), next: isLast ? null : last };
}
