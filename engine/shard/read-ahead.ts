/**
 * Reads what a turn will need before it begins, where rows come from the disk and not from memory: a turn that waits for
 * the disk row by row makes everybody wait. With ten million citizens and nothing in the page cache, 2,500 commands a
 * second made the engine's thread stand still for 8 s.
 */
import type { CitizenKey, Hpan } from '../contract.ts';
import { partitionOf } from '../partition.ts';
import { type ActorTable, isRowDamage, type RowAddress } from '../ports.ts';
import type { Actors } from './actors.ts';
import type { Task } from './task.ts';

/** First whom the tasks name, then the owners of cards that were paid with: which card is whose is known only then. */
export async function readAhead(
  actors: Actors,
  tasks: readonly Task[],
  isLocal: (partition: number) => boolean,
): Promise<void> {
  const { wallets, cards, paid } = namedBy(tasks);
  const isOurs = (key: string) => isLocal(partitionOf(key)) && !actors.isAwake(key);
  await prefetch(actors, [...addresses('wallet', wallets, isOurs), ...addresses('card', cards, isOurs)]);
  const owners = new Set<CitizenKey>();
  for (const hpan of paid) {
    const owner = ownerOf(actors, hpan);
    if (owner !== undefined) owners.add(owner);
  }
  await prefetch(actors, addresses('wallet', owners, isOurs));
}

/** Whoever decides about a damaged card is told of that. */
function ownerOf(actors: Actors, hpan: Hpan): CitizenKey | undefined {
  try {
    return actors.decided.get('card', partitionOf(hpan), hpan, '')?.history.at(-1)?.citizen;
  } catch (fault) {
    if (isRowDamage(fault)) return undefined;
    throw fault;
  }
}

interface Named {
  readonly wallets: ReadonlySet<CitizenKey>;
  readonly cards: ReadonlySet<Hpan>;
  readonly paid: ReadonlySet<Hpan>;
}

function namedBy(tasks: readonly Task[]): Named {
  const [wallets, cards, paid] = [new Set<CitizenKey>(), new Set<Hpan>(), new Set<Hpan>()];
  for (const task of tasks) {
    if (task.kind === 'record') {
      cards.add(task.command.record.hpan);
      paid.add(task.command.record.hpan);
      continue;
    }
    if (task.kind === 'resolution') cards.add(task.asked.hpan);
    if (task.kind !== 'command' && task.kind !== 'message') continue;
    const body = task.kind === 'command' ? task.command.body : task.message.body;
    if (task.kind === 'command') wallets.add(task.command.citizen);
    if ('citizen' in body) wallets.add(body.citizen);
    if ('hpan' in body) cards.add(body.hpan);
  }
  return { wallets, cards, paid };
}

function addresses(table: ActorTable, keys: ReadonlySet<string>, isOurs: (key: string) => boolean): RowAddress[] {
  return [...keys].filter(isOurs).map((entity) => ({ table, partition: partitionOf(entity), entity, sub: '' }));
}

async function prefetch({ rows }: Actors, wanted: readonly RowAddress[]): Promise<void> {
  if (wanted.length > 0) await rows.prefetch(wanted);
}
