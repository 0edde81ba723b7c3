/**
 * Examines images in a process of its own, since a database that is damaged may end it, at once or by an error
 * that nobody awaits: `node checker.js PLACE OPTIONS RECORDING...`, then one number of an image after the other as messages.
 */
import { Explorer, type ExplorerOptions } from './explorer.ts';
import { loadRecording } from './recording.ts';

const [place, options, ...paths] = process.argv.slice(2);
const explorers = paths.map((path) => new Explorer(loadRecording(path), JSON.parse(options!) as ExplorerOptions));

process.on('message', async (image: number) => {
  process.send!(await explorers[image % explorers.length]!.examine(image, place!));
});
process.on('disconnect', () => process.exit(0));
