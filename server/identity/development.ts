/** The names that folder-identity.ts had before, for `front.ts` and `test/kill` until they use the new ones. */
export {
  type FolderIdentity as DevelopmentIdentity,
  IdentityFault,
  openFolderIdentity as openDevelopmentIdentity,
} from './folder-identity.ts';
