/** Format 2 of the body of a journal record: the facts that it changed. */
import { type Kinds, list, tagged, text } from './shape.ts';
import { type FactV1, factKinds as factKindsV1, turnBodyOf } from './turn-v1.ts';
import { answer } from './values-v1.ts';
import { commandKind, doneCommand } from './values-v2.ts';

export const factKinds: Kinds<FactV1> = {
  ...factKindsV1,
  commandDone: [13, { citizen: text, commandKey: text, bodyHash: text, command: commandKind, answer }],
  commandsPaged: [15, { citizen: text, commands: list(doneCommand) }],
};

export const turnBody = turnBodyOf(tagged<FactV1>(factKinds));
