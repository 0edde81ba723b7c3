/**
 * Which client somebody says to be. Three numbers decide: what app stores know besides them, a build (`1.12.0.3`) or a
 * candidate (`1.12.0-rc.1`), is taken for the release itself, as the app did when it compared; whoever tries a candidate
 * must see what its release will. So the `semver` package, which puts candidates first and reads no build, would not do.
 */
import { CLIENT_HEADER, CLIENT_PREFIX, PLATFORMS, type Platform } from '../wire/index.ts';

export type Version = readonly [major: number, minor: number, patch: number];

export interface Client {
  readonly platform: Platform;
  readonly version: Version;
  /** `ios/1.12.0`, whatever else was written. */
  readonly text: string;
}

const VERSION = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})$/;
const CLIENT = new RegExp(
  `^(${PLATFORMS.join('|')})[/.](\\d{1,6})(?:\\.(\\d{1,6}))?(?:\\.(\\d{1,6}))?(?:[.+-][\\w.+-]{1,40})?$`,
);

export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** @param text that `isVersion` */
export function versionOf(text: string): Version {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return [major, minor, patch];
}

/** Below zero: the first is older. */
export function compareVersions(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

/** `ios/1.12.0`. Null where the text is none: its writer is unknown then, and locked out of nothing. */
export function parseClient(text: string | undefined): Client | null {
  const found = CLIENT.exec(text ?? '');
  if (found === null) return null;
  const [, platform, major = '0', minor = '0', patch = '0'] = found;
  const version = [Number(major), Number(minor), Number(patch)] as const;
  return { platform: platform as Platform, version, text: `${platform}/${version.join('.')}` };
}

interface Asking {
  header(name: string): string | undefined;
  /** Offered subprotocols, of an upgrade. */
  readonly protocols?: readonly string[];
}

/** Null: it does not say. */
export function clientOf(asking: Asking): Client | null {
  const offered = asking.protocols?.find((protocol) => protocol.startsWith(CLIENT_PREFIX))?.slice(CLIENT_PREFIX.length);
  return parseClient(asking.header(CLIENT_HEADER) ?? offered);
}
