/**
 * Examines images in a process of its own, since a database that is damaged may end it:
 * `node checker.js PLACE OPTIONS RECORDING...`, then one number of an image after the other as messages.
 */
import { StorageFault } from '../../engine/ports.ts';
import { Explorer, type ExplorerOptions } from './explorer.ts';
import { loadRecording } from './recording.ts';

const [place, options, ...paths] = process.argv.slice(2);
const explorers = paths.map((path) => new Explorer(loadRecording(path), JSON.parse(options!) as ExplorerOptions));

process.on('message', async (image: number) => {
  process.send!(await explorers[image % explorers.length]!.examine(image, place!));
});
// As a server would: damage that is met only by who asks for it ends the process.
process.on('unhandledRejection', (error) => {
  const isOfStore = error instanceof StorageFault || (error instanceof Error && 'commitError' in error);
  if (!isOfStore) throw error;
  process.kill(process.pid, 'SIGKILL');
});
process.on('disconnect', () => process.exit(0));
