/**
 * Incidents on disk, in the data folder: written whole whenever one opens or closes, and so bounded as their history is.
 * Its date says when the server was there last: whoever starts after a death tells for how long nobody was.
 */
import { readFile, stat, utimes } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { InOrder } from '../../engine/index.ts';
import { createFileDurably } from '../../snapshots/index.ts';
import { isWorldsFault } from '../worlds-fault.ts';
import { INCIDENT_KINDS, type Incident } from './incidents.ts';
import type { IncidentLog, KeptIncidents } from './service.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const incident = v.object({
  id: count,
  kind: v.picklist(INCIDENT_KINDS),
  name: v.string(),
  startMs: v.number(),
  endMs: v.nullable(v.number()),
  crossed: v.array(v.picklist(['success', 'latency', 'silence'])),
  successShareMin: v.nullable(v.number()),
  p99MsMax: v.nullable(v.number()),
  silentParts: v.array(v.string()),
});
const incidentsIn = v.array(incident);
const sheet = v.object({ incidents: v.unknown(), check: v.number() });

export interface IncidentFileOptions {
  readonly path: string;
  /** The disk failed: told once, until it works again. What was there before still is, and writing is tried again. */
  readonly failed: (fault: unknown) => void;
}

export class IncidentFile implements IncidentLog {
  readonly #options: IncidentFileOptions;
  readonly #inOrder = new InOrder();
  readonly kept: KeptIncidents;
  /** Null = all of it is on disk. */
  #unwritten: readonly Incident[] | null;
  #hasFailed = false;

  private constructor(options: IncidentFileOptions, kept: KeptIncidents) {
    this.#options = options;
    this.kept = kept;
    this.#unwritten = kept.incidents;
  }

  /** @param damaged told where it is: it is history and no promise, and is begun anew */
  static async open(options: IncidentFileOptions & { readonly damaged: () => void }): Promise<IncidentFile> {
    const { path } = options;
    try {
      const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
      const incidents = parsed(text);
      if (incidents === null) options.damaged();
      return new IncidentFile(options, { incidents: incidents ?? [], seenMs: mtimeMs });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      return new IncidentFile(options, { incidents: [], seenMs: null });
    }
  }

  changed(incidents: readonly Incident[]): void {
    this.#unwritten = incidents;
  }

  seen(nowMs: number): Promise<void> {
    return this.#inOrder.run(async () => {
      try {
        await this.#write();
        await utimes(this.#options.path, nowMs / 1_000, nowMs / 1_000);
        this.#hasFailed = false;
      } catch (fault) {
        if (!isWorldsFault(fault)) throw fault;
        if (!this.#hasFailed) this.#options.failed(fault);
        this.#hasFailed = true;
      }
    });
  }

  async #write(): Promise<void> {
    const incidents = this.#unwritten;
    if (incidents === null) return;
    const text = JSON.stringify({ incidents, check: crc32(JSON.stringify(incidents)) });
    await createFileDurably(this.#options.path, (file) => file.writeFile(`${text}\n`));
    if (this.#unwritten === incidents) this.#unwritten = null;
  }
}

function parsed(text: string): readonly Incident[] | null {
  try {
    const { incidents, check } = v.parse(sheet, JSON.parse(text));
    return crc32(JSON.stringify(incidents)) === check ? v.parse(incidentsIn, incidents) : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof v.ValiError) return null;
    throw error;
  }
}
