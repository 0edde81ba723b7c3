/** The account that the engine keeps of a file, from its arrival on. */
import type { Engine, FileArrival, Read, ReceivedFile } from '../../engine/index.ts';

/** Null: an older format has no words for it. Nothing is accounted for then, and lines have their effects as ever. */
export async function openAccount(
  engine: Pick<Engine, 'openFile'>,
  arrival: FileArrival,
): Promise<Read<ReceivedFile | null>> {
  const opened = await engine.openFile(arrival);
  return opened.ok || opened.code !== 'FORMAT_KEPT' ? opened : { ok: true, value: null };
}
