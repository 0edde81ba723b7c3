/** A process that examines folders for its parent: LMDB may end the one that reads a damaged page. */
import { examine } from './subject.ts';

process.on('message', (message) => {
  const { folder } = message as { readonly folder: string };
  void examine(folder).then((examined) => process.send?.(examined));
});
