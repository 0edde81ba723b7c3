/** The door of the shell, for the command line: keeping an engine process alive, and making tokens for it. */
export type { BackupState } from './backups.ts';
export { DESCRIPTORS_MIN, descriptorLimit } from './descriptors.ts';
export type { KeptErrors } from './errors/index.ts';
export type { ReconciledSums, Reconciliation } from './http/index.ts';
export {
  type FolderIdentity,
  IdentityFault,
  openFolderIdentity,
  type TokenRequest,
} from './identity/folder-identity.ts';
export { packageVersion } from './package-version.ts';
export { PartnerSimulator } from './partners/index.ts';
export type { PayoutExport, Restored, TakenIn } from './payout/index.ts';
export { plantedPoints } from './points.ts';
export {
  ENGINE_FLAGS,
  type ExitCode,
  type Ready,
  type Supervisor,
  type SupervisorOptions,
  supervise,
} from './supervisor.ts';
