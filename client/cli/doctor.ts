/** `clickday doctor`: is this machine, and is this folder, fit for the day? A server may run on it meanwhile. */
import { existsSync } from 'node:fs';
import { defineCommand } from 'citty';
import { descriptorLimit, packageVersion } from '../../server/index.ts';
import { examineFolder, type Finding } from '../../snapshots/index.ts';
import type { Paint } from '../paint.ts';
import { DATA_DEFAULT } from './line.ts';
import { JSON_ARGUMENT, paintOf, print, printJson, VerbFault } from './verb.ts';

export const doctor = defineCommand({
  meta: { name: 'doctor', description: 'Look at disk, clock, limits and what was set aside. Exit code 1 = act on it.' },
  args: {
    data: {
      type: 'string',
      description: 'data folder; an engine may run on it',
      valueHint: 'DIR',
      default: DATA_DEFAULT,
    },
    ...JSON_ARGUMENT,
  },
  run({ args }) {
    if (!existsSync(args.data)) {
      throw new VerbFault(
        1,
        `there is no data folder ${args.data}`,
        'name one with --data, or start a server: npm start',
      );
    }
    const found = examineFolder({
      folder: args.data,
      realMs: Date.now,
      monotonicMs: () => performance.now(),
      descriptorLimit: descriptorLimit(),
    });
    const findings = [...found, versions()];
    const isWell = findings.every((finding) => finding.isWell);
    if (args.json) printJson({ isWell, findings });
    else print(findings.map((finding) => line(finding, paintOf(process.stdout))).join('\n'));
    return isWell ? 0 : 1;
  },
});

function versions(): Finding {
  const packages = ['lmdb', 'msgpackr', 'xstate'].map((name) => `${name} ${packageVersion(name)}`);
  return { about: 'versions', isWell: true, text: [`Node ${process.versions.node}`, ...packages].join(', ') };
}

function line({ about, isWell, text }: Finding, paint: Paint): string {
  return `${isWell ? paint.accent('✔') : paint.alarm('✘')} ${about.padEnd(10)}${text}`;
}
