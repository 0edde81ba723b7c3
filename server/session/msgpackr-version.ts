/**
 * Holds the decoder of strangers' frames to the version that was examined. The 1.12 line, which lmdb brings for
 * itself, can be killed by a 64 kB frame (faults 43): a package manager that shared it must not go unnoticed.
 */
import { invariant } from '../../engine/index.ts';
import { packageVersion } from '../package-version.ts';

const MSGPACKR_VERSION = '2.1.3';

export function assertMsgpackrVersion(): void {
  const version = packageVersion('msgpackr');
  invariant(version === MSGPACKR_VERSION, `msgpackr is ${version}; examined was ${MSGPACKR_VERSION}`);
}
