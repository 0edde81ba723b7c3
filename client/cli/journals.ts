/** What is read out of journals: of a data folder, by the server that works in it if one does, or of a backup. */
import { type OpenPast, pastOfBackup, pastOfFolder } from '../../snapshots/index.ts';

export interface JournalArguments {
  readonly data: string;
  readonly backup: string | undefined;
  readonly keys: string | undefined;
}

export function openJournals({ data, backup, keys }: JournalArguments): Promise<OpenPast> {
  return backup === undefined ? pastOfFolder(data) : pastOfBackup(backup, keys);
}

/** Null where a server works in the folder. */
export function unlessServed<T>(read: Promise<T>): Promise<T | null> {
  return read.catch((fault: { readonly code?: unknown }) => {
    if (fault.code === 'FOLDER_IN_USE') return null;
    throw fault;
  });
}
