/**
 * Debian packages that a test is better with. `npm test` needs none: what is not there is left out, and a line says so.
 * On a machine that is made for tests (CI=true, or CLICKDAY_TEST_INSTALL=1) it is installed.
 */
import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';

const INSTALL_MS_MAX = 100_000;

/**
 * @param find what the package brings; undefined = it is not there
 * @returns undefined where it is left out
 */
export function fromPackage<T>(name: string, find: () => T | undefined): T | undefined {
  const why = find() === undefined ? installed(name) : '';
  const found = find();
  if (found === undefined) {
    process.stderr.write(`Tested without ${name}: ${why} (Debian: apt install ${name}, or CLICKDAY_TEST_INSTALL=1).\n`);
  }
  return found;
}

/** @returns why it is not */
function installed(name: string): string {
  const { CI, CLICKDAY_TEST_INSTALL } = process.env;
  if (CI !== 'true' && CLICKDAY_TEST_INSTALL !== '1') return 'it is not here';
  try {
    // A fresh machine knows of no packages yet.
    if (!tried('install', '--yes', '--no-install-recommends', name)) {
      aptGet('update');
      aptGet('install', '--yes', '--no-install-recommends', name);
    }
    return 'it was installed, and is not where it is looked for';
  } catch (error) {
    return `it cannot be installed: ${(error as Error).message.split('\n').slice(0, 2).join(' ')}`;
  }
}

function tried(...words: readonly string[]): boolean {
  try {
    aptGet(...words);
    return true;
  } catch {
    return false;
  }
}

function aptGet(...words: readonly string[]): void {
  const command = ['apt-get', '--quiet', ...words];
  const [program, ...rest] = userInfo().uid === 0 ? command : ['sudo', '--non-interactive', ...command];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync(program!, rest, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_MS_MAX });
}
