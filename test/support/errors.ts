/** Bad lines in a folder of the test's, under a key of their own. */
import { ErrorStore, type ErrorStoreOptions } from '../../server/errors/index.ts';
import { sealUnder } from '../../snapshots/index.ts';

export function openTestErrors(folder: string, options: Partial<ErrorStoreOptions> = {}): Promise<ErrorStore> {
  const unreadable = (name: string) => {
    throw new Error(`${name} cannot be opened`);
  };
  return ErrorStore.open({ folder, seal: sealUnder(Buffer.alloc(32, 7)), unreadable, ...options });
}
