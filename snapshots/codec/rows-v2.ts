/** Format 2 of the rows: the tables that it changed. */
import type { CommandPage, Wallet } from '../../engine/wallet/wallet.ts';
import { type RowValues, rowValues as rowValuesV1, walletFields } from './rows-v1.ts';
import { list, shape } from './shape.ts';
import { doneCommand } from './values-v2.ts';

export const rowValues: RowValues = {
  ...rowValuesV1,
  wallet: shape<Wallet>({ ...walletFields, commands: list(doneCommand) }),
  command: shape<CommandPage>({ commands: list(doneCommand) }),
};
