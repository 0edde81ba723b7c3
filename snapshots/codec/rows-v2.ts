/** Format 2 of the rows: the tables that it changed. */
import type { CommandPage, Wallet } from '../../engine/wallet/wallet.ts';
import { type RowValues, rowValues as rowValuesV1, walletFields as walletFieldsV1 } from './rows-v1.ts';
import { type Fields, list, shape } from './shape.ts';
import { doneCommand } from './values-v2.ts';

export const walletFields: Fields<Wallet> = { ...walletFieldsV1, commands: list(doneCommand) };

export const rowValues: RowValues = {
  ...rowValuesV1,
  wallet: shape<Wallet>(walletFields),
  command: shape<CommandPage>({ commands: list(doneCommand) }),
};
