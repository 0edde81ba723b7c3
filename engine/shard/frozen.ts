/** What a checkpoint writes, set aside when it began. */
import { PARTITION_COUNT } from '../contract.ts';
import type { PackedChange, RowChange, RowTable } from '../ports.ts';
import type { Actor } from './actor.ts';

export interface Frozen {
  readonly rowCount: number;
  /** In key order, so that neighbours are written together; sorted piece by piece, so that no turn waits for all. */
  batches(rowCount: number): Iterable<readonly Change[]>;
}

type Change = RowChange | PackedChange;

/** Rows by partition and table; each group is sorted when its turn comes. */
export class RowGroups {
  /** By partition. */
  readonly #groups = Array.from({ length: PARTITION_COUNT }, () => new Map<RowTable, Change[]>());

  add(actor: Actor, table: RowTable, sub: string, sequence: number, value: Change['value']): void {
    const { partition, entity } = actor;
    const change = { address: { table, partition, entity, sub }, sequence, value } as Change;
    const groups = this.#groups[partition]!;
    const group = groups.get(table);
    if (group === undefined) groups.set(table, [change]);
    else group.push(change);
  }

  *batches(rowCount: number): Iterable<readonly Change[]> {
    let batch: Change[] = [];
    const groups = this.#groups.flatMap((ofPartition) => [...ofPartition].sort(([a], [b]) => compare(a, b)));
    for (const [, group] of groups) {
      for (const change of withoutReplaced(group.sort(compareKeys))) {
        batch.push(change);
        if (batch.length < rowCount) continue;
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }
}

/** Of a row that was replaced the newest stays: sorting keeps the order in which they came. */
function withoutReplaced(group: readonly Change[]): readonly Change[] {
  return group.filter((change, index) => index + 1 === group.length || compareKeys(change, group[index + 1]!) !== 0);
}

function compareKeys({ address: a }: Change, { address: b }: Change): number {
  return compare(a.entity, b.entity) || compare(a.sub, b.sub);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
