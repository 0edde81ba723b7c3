/** Tokens signed with a data folder's own key. */
import type { Role } from '../engine/index.ts';
import { openFolderIdentity } from '../server/index.ts';

const TTL_SECONDS = 3_600;

export async function signTokens(folder: string, role: Role, subjects: readonly string[]): Promise<readonly string[]> {
  const identity = await openFolderIdentity(folder);
  return Promise.all(subjects.map((subject) => identity.sign({ role, subject, ttlSeconds: TTL_SECONDS })));
}
