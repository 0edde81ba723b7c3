/** The echo target in a process of its own; ends with its parent. */
import { openEchoTarget } from './echo-target.ts';

const { port } = await openEchoTarget();
process.send?.({ port });
process.on('disconnect', () => process.exit(0));
