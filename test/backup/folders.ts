/** What lies in folders on a real disk, to be compared. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { openRow, ROW_TABLES, tablePrefix } from '../../snapshots/row-format.ts';

/** As `rowsOf` of a disk in memory: each store's rows by key, without the mark. Nobody may have the folder open. */
export function rowsIn(folder: string): Promise<readonly (readonly string[])[]> {
  return rowsAs(folder, (key, value) => `${key.toString('hex')} ${value.toString('hex')}`);
}

/** The same, whatever the format of each row: what it says. */
export function valuesIn(folder: string): Promise<readonly (readonly string[])[]> {
  return rowsAs(folder, (key, bytes) => {
    const table = ROW_TABLES.find((one) => tablePrefix(one, key[0]!).equals(key.subarray(0, 2)))!;
    return `${key.toString('hex')} ${JSON.stringify(openRow(table, key, bytes))}`;
  });
}

async function rowsAs(
  folder: string,
  text: (key: Buffer, value: Buffer) => string,
): Promise<readonly (readonly string[])[]> {
  const stores = readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'rows')))
    .sort();
  return Promise.all(
    stores.map(async (store) => {
      const rows = open<Buffer, Buffer>({
        path: join(folder, store, 'rows'),
        encoding: 'binary',
        keyEncoding: 'binary',
      });
      const found = [...rows.getRange({})]
        .filter(({ key }) => key[0] !== 0xff)
        .map(({ key, value }) => text(key, value))
        .sort();
      await rows.close();
      return found;
    }),
  );
}

/** Every file below a folder, with its bytes, or with what would show that it was written anew. */
export function filesIn<T>(folder: string, of: (path: string) => T): Readonly<Record<string, T>> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, of(join(folder, name))]));
}

export function bytesOf(path: string): string {
  return readFileSync(path).toString('latin1');
}

export function identityOf(path: string): string {
  const { ino, mtimeNs, ctimeNs, size } = statSync(path, { bigint: true });
  return [ino, mtimeNs, ctimeNs, size].join(' ');
}
