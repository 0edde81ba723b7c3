/** A file of features that a test changes under a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVERYTHING, type Policy, readPolicy, Versions } from '../../server/versions/index.ts';
import type { Feature, MessageCode } from '../../server/wire/index.ts';

export class PolicyFile {
  readonly #folder = mkdtempSync(join(tmpdir(), 'clickday-versions-'));
  readonly path = join(this.#folder, 'features.json');

  write(policy: unknown): void {
    writeFileSync(this.path, JSON.stringify(policy));
  }

  versions(): Versions {
    const read = readPolicy(this.path);
    if (!read.ok) throw new Error(read.problem);
    return new Versions({ policy: read.policy, file: this.path });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** Everything on, but for these, from this version of the app on. */
export function onFrom(version: string, features: readonly Feature[], message?: MessageCode): Policy {
  const apps = { ios: { from: version }, android: { from: version } };
  const changed = features.map((name) => [
    name,
    { clients: { ...EVERYTHING.features[name].clients, ...apps }, ...(message === undefined ? {} : { message }) },
  ]);
  return { ...EVERYTHING, features: { ...EVERYTHING.features, ...Object.fromEntries(changed) } };
}

export function minimum(version: string): Policy {
  return { ...EVERYTHING, minVersion: { ...EVERYTHING.minVersion, ios: version } };
}
