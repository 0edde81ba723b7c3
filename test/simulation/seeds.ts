/** The program of a child: simulates seeds one after the other and prints what became of each as a line of JSON. */
import { parseArgs } from 'node:util';
import { Violation } from './fault.ts';
import { simulate } from './world.ts';

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    until: { type: 'boolean', default: false },
  },
});

const [first, count, step] = [Number(values.first), Number(values.count), Number(values.step)];
const print = (line: string) => process.stdout.write(`${line}\n`);

// Processes that died left promises behind that nobody waits for.
process.on('unhandledRejection', (reason) => {
  if (reason instanceof Violation) throw reason;
});

for (let index = 0; index < count; index += 1) {
  const result = await simulate(first + index * step, values.trace ? print : undefined);
  print(JSON.stringify(result));
  // With a planted bug one is enough.
  if (values.until && result.check !== null) break;
}
