/** `clickday release`: what was set aside, since the engine died of it, may be tried again. */
import { defineCommand } from 'citty';
import { release as releaseIn } from '../../snapshots/index.ts';
import { DATA_DEFAULT } from './line.ts';
import { JSON_ARGUMENT, print, printJson, VerbFault } from './verb.ts';

export const release = defineCommand({
  meta: { name: 'release', description: 'Let a command that was set aside be tried again; the engine may run.' },
  args: {
    name: { type: 'positional', description: 'the id of the command, or its whole name as doctor says it' },
    data: { type: 'string', description: 'data folder', valueHint: 'DIR', default: DATA_DEFAULT },
    ...JSON_ARGUMENT,
  },
  run({ args }) {
    const released = releaseIn(args.data, (name) => name === args.name || name.split(/[ :]/).at(-1) === args.name);
    if (released.length === 0)
      throw new VerbFault(1, `nothing of that name was set aside: ${args.name}`, 'see: clickday doctor');
    if (args.json) printJson({ released });
    else for (const name of released) print(`released: ${name}`);
    return 0;
  },
});
