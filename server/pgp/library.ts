/**
 * The one way to OpenPGP.js: loaded when something is encrypted. It takes 80 ms, which no start without keys has to wait
 * for.
 */
export function openPgp(): Promise<typeof import('openpgp')> {
  return import('openpgp');
}
