/** What each version of a client may do, as a file says it, and its check. */
import { readFileSync, statSync } from 'node:fs';
import * as v from 'valibot';
import { FEATURES, type Feature, MESSAGES, type MessageCode, PLATFORMS, type Platform } from '../wire/index.ts';
import { compareVersions, isVersion, type Version, versionOf } from './client-version.ts';

/** Every version or none; those from one on, up to but not including another; or those of a list. */
export type Releases = boolean | readonly string[] | { readonly from?: string; readonly below?: string };

export interface FeaturePolicy {
  readonly clients: Readonly<Record<Platform, Releases>>;
  /** What is said where it is off; absent: what the refusal says. */
  readonly message?: MessageCode;
}

export interface Policy {
  /** A client that is older may still read everything and take back what it began. */
  readonly minVersion: Readonly<Record<Platform, string>>;
  readonly features: Readonly<Record<Feature, FeaturePolicy>>;
}

export type CheckedPolicy =
  | { readonly ok: true; readonly policy: Policy }
  /** One sentence that names the field, for the person who wrote the file. */
  | { readonly ok: false; readonly problem: string };

/** Nobody is refused what nobody decided to refuse: without a file everything is on for everyone. */
export const EVERYTHING: Policy = {
  minVersion: ofEach(PLATFORMS, () => '0.0.0'),
  features: ofEach(FEATURES, () => ({ clients: ofEach(PLATFORMS, () => true) })),
};

const FILE_BYTES_MAX = 65_536;
const LIST_LENGTH_MAX = 100;

const version = v.pipe(v.string('is not a text'), v.check(isVersion, 'is not a version such as 1.12.0'));
const list = v.pipe(
  v.array(version),
  v.minLength(1, 'is a list without a version'),
  v.maxLength(LIST_LENGTH_MAX, `is a list of more than ${LIST_LENGTH_MAX} versions`),
);
const range = v.pipe(
  fields({ from: v.exactOptional(version), below: v.exactOptional(version) }),
  v.check(({ from, below }) => from !== undefined || below !== undefined, 'says neither from nor below'),
  v.check(isInOrder, 'ends before it begins'),
);
const allOrNone = v.boolean('is not true, false, a list of versions or {"from": …, "below": …}');
/** Chosen by what is there: a union would only say that it is none of them. */
const releases = v.lazy((input): v.GenericSchema<unknown, Releases> => {
  if (Array.isArray(input)) return list;
  return typeof input === 'object' && input !== null ? range : allOrNone;
});
const policySchema = fields({
  minVersion: fields(ofEach(PLATFORMS, () => version)),
  features: fields(
    ofEach(FEATURES, () =>
      fields({
        clients: fields(ofEach(PLATFORMS, () => releases)),
        message: v.exactOptional(v.picklist(Object.keys(MESSAGES) as MessageCode[], 'is not the code of a message')),
      }),
    ),
  ),
}) satisfies v.GenericSchema<unknown, Policy>;

/** Strict, as the programme's file is: every field is there, none besides. */
export function checkPolicy(value: unknown): CheckedPolicy {
  const checked = v.safeParse(policySchema, value, { abortEarly: true, abortPipeEarly: true });
  if (checked.success) return { ok: true, policy: checked.output };
  const [issue] = checked.issues;
  return { ok: false, problem: `${v.getDotPath(issue) ?? 'the file'} ${issue.message}` };
}

export function readPolicy(path: string): CheckedPolicy {
  let value: unknown;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return { ok: false, problem: `is larger than ${FILE_BYTES_MAX} bytes` };
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return { ok: false, problem: error instanceof SyntaxError ? 'is not JSON' : 'cannot be read' };
  }
  return checkPolicy(value);
}

export function includes(releasesOf: Releases, asked: Version): boolean {
  if (typeof releasesOf === 'boolean') return releasesOf;
  if (isList(releasesOf)) return releasesOf.some((each) => compareVersions(versionOf(each), asked) === 0);
  const { from, below } = releasesOf;
  if (from !== undefined && compareVersions(asked, versionOf(from)) < 0) return false;
  return below === undefined || compareVersions(asked, versionOf(below)) < 0;
}

/** `Array.isArray` does not know read-only lists. */
function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}

function isInOrder({ from, below }: { readonly from?: string; readonly below?: string }): boolean {
  return from === undefined || below === undefined || compareVersions(versionOf(from), versionOf(below)) < 0;
}

function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, ({ expected, received }) => {
    if (expected === 'never') return 'is not a field of this file';
    return received === 'undefined' ? 'is missing' : 'is not an object';
  });
}

function ofEach<Name extends string, Value>(names: readonly Name[], make: () => Value): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, make()])) as Record<Name, Value>;
}
