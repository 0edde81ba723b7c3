/**
 * The commands of a citizen that are done, kept for the programme (promise 2). The newest stand in the wallet, which
 * is read and written with each command anyway; older ones go to pages of their own, sixteen together. Most citizens
 * never fill a page, and a new id, which is later than all that were paged, is known to be new without a look at them.
 */
import type { CitizenKey } from '../contract.ts';
import type { Draft } from '../draft.ts';
import type { CommandPage, DoneCommand, Wallet } from './wallet.ts';

/** Commands in a wallet before the oldest of them are paged. */
const RECENT_COUNT_MAX = 24;
const PAGE_COUNT = 16;
const ID_DIGITS = 32;

/** What must go to a page when one more command is done; null = there is room. */
export function nextPage({ commands }: Wallet): readonly DoneCommand[] | null {
  return commands.length + 1 < RECENT_COUNT_MAX ? null : commands.slice(0, PAGE_COUNT);
}

export function addCommand(wallet: Draft<Wallet>, command: DoneCommand): void {
  wallet.commands = [...wallet.commands, command];
}

export function removePaged(wallet: Draft<Wallet>, page: readonly DoneCommand[]): void {
  for (const { commandKey } of page) if (idOf(commandKey) > wallet.pagedTo) wallet.pagedTo = idOf(commandKey);
  wallet.commands = wallet.commands.slice(page.length);
}

/** Reads the rows of a citizen's pages. */
export type PageReader = (citizen: CitizenKey) => readonly (readonly [string, CommandPage])[];

/** @param pages asked only where the id is not later than every paged one */
export function doneCommand(wallet: Wallet, commandKey: string, pages: PageReader): DoneCommand | undefined {
  const { citizen, commands, pagedTo } = wallet;
  for (const command of commands) if (command.commandKey === commandKey) return command;
  if (idOf(commandKey) > pagedTo) return undefined;
  for (const [, page] of pages(citizen)) {
    for (const command of page.commands) if (command.commandKey === commandKey) return command;
  }
  return undefined;
}

/** Of a page's row: keys are used once, so no two pages end in the same. */
export function pageSub(page: readonly DoneCommand[]): string {
  return page[page.length - 1]!.commandKey;
}

/** The client's part of a key; ids are time-ordered, what stands before them is not. */
function idOf(commandKey: string): string {
  return commandKey.length === ID_DIGITS ? commandKey : commandKey.slice(-ID_DIGITS);
}
