/** Persistence that counts what is read of its rows. */
import type { Rows, Store } from '../../engine/ports.ts';
import type { Persistence } from '../../snapshots/index.ts';

export function counted(persistence: Persistence): { readonly persistence: Persistence; readonly reads: () => number } {
  let count = 0;
  const stores = persistence.stores.map(({ rows, journal, vault }): Store => {
    const counting: Rows = {
      get: (...args) => {
        count += 1;
        return rows.get(...args);
      },
      line: (...args) => {
        count += 1;
        return rows.line(...args);
      },
      list: (...args) => {
        count += 1;
        return rows.list(...args);
      },
      scan: (...args) => {
        count += 1;
        return rows.scan(...args);
      },
      heads: (...args) => {
        count += 1;
        return rows.heads(...args);
      },
      isSlow: () => rows.isSlow(),
      prefetch: (addresses) => rows.prefetch(addresses),
      pack: (pages) => rows.pack(pages),
      write: (changes) => rows.write(changes),
      rewriteOlder: (rowCountMax) => rows.rewriteOlder(rowCountMax),
      setCheckpoint: (mark) => rows.setCheckpoint(mark),
      checkpoint: () => rows.checkpoint(),
    };
    return { rows: counting, journal, vault };
  });
  return { persistence: { ...persistence, stores }, reads: () => count };
}
