/** Format 2 of the values that it changed: a command that is done says what was asked. */
import type { WalletCommandKind } from '../../engine/contract.ts';
import type { DoneCommand } from '../../engine/wallet/wallet.ts';
import { integer, oneOfOrNull, shape, text } from './shape.ts';
import { answer } from './values-v1.ts';

export const commandKind = oneOfOrNull<WalletCommandKind>({
  enrol: 1,
  leave: 2,
  setIban: 3,
  addMethod: 4,
  removeMethod: 5,
  enableCashback: 6,
  disableCashback: 7,
  enableAll: 8,
  // By format 3 only: a folder that keeps an older one refuses it.
  setFavourite: 9,
});

export const doneCommand = shape<DoneCommand>({
  commandKey: text,
  bodyHash: text,
  command: commandKind,
  answer,
  sequence: integer,
});
