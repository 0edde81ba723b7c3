/** Tokens of the development identity that a data folder has. */
import type { Role } from '../engine/index.ts';
import { openDevelopmentIdentity } from '../server/index.ts';

const TTL_SECONDS = 3_600;

export async function signTokens(folder: string, role: Role, subjects: readonly string[]): Promise<readonly string[]> {
  const identity = await openDevelopmentIdentity(folder);
  return Promise.all(subjects.map((subject) => identity.sign({ role, subject, ttlSeconds: TTL_SECONDS })));
}
