/** The door: bad lines of files, kept until an operator has made something of them. */
export { type BadLine, BadLines } from './bad-lines.ts';
export { ErrorDesk, type LineTakers } from './desk.ts';
export {
  ERROR_STATES,
  type ErrorFile,
  type ErrorState,
  ErrorStore,
  type ErrorStoreOptions,
  type ErrorsPage,
  type ErrorView,
  type KeptErrors,
  NO_ERRORS,
} from './store.ts';
