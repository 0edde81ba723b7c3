/** What has been flushed: the overlay of rows changed since the last checkpoint, over rows on disk. */
import { invariant } from '../assert.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import type { Rows } from '../ports.ts';
import type { FoldTarget } from './fold.ts';
import { foldOutbox } from './fold.ts';
import { AwakeCache, isKeptAwake, LayeredView, Overlay, partitionEntity } from './layers.ts';

export class FlushedState {
  readonly #rows: Rows;
  readonly #awake = new AwakeCache(LIMITS.awakeCountMax);
  #overlay: Overlay;
  #frozen: Overlay | null = null;
  #view: LayeredView;

  constructor(rows: Rows, recovered: Overlay) {
    this.#rows = rows;
    this.#overlay = recovered;
    this.#view = this.under([]);
  }

  /** Reads what is flushed. Changes with each freeze: do not keep it. */
  get view(): LayeredView {
    return this.#view;
  }

  get overlay(): Overlay {
    return this.#overlay;
  }

  /** A view with scratches on top, newest first. */
  under(scratches: readonly Overlay[]): LayeredView {
    const flushed = this.#frozen === null ? [this.#overlay] : [this.#overlay, this.#frozen];
    return new LayeredView([...scratches, ...flushed], this.#rows, this.#awake);
  }

  publish(scratch: Overlay, record: TurnRecord): void {
    const overlay = this.#overlay;
    scratch.forEach((table, entity, sub, cell) => {
      overlay.set(table, entity, sub, cell);
      if (isKeptAwake(table)) this.#awake.forget(table + entity + sub);
    });
    for (const section of record.sections) foldOutbox(this.#target(section.sequence), record, section);
  }

  /** The receiver has `message` and all before it on disk. */
  acknowledge({ from, to, sequence }: Message): void {
    const entity = partitionEntity(from);
    const cell = this.#view.cell('outbox', from, entity, String(to));
    if (cell?.value == null) return;
    const messages = cell.value.messages.filter((message) => message.sequence > sequence);
    if (messages.length === cell.value.messages.length) return;
    const value = { ...cell.value, messages };
    this.#overlay.set('outbox', entity, String(to), { sequence: cell.sequence, value });
    this.#awake.forget(`outbox${entity}${to}`);
  }

  #target(sequence: number): FoldTarget {
    return {
      change: (table, partition, entity, sub, update) => {
        const value = update(this.#view.get(table, partition, entity, sub));
        this.#overlay.set(table, entity, sub, { sequence, value });
        this.#awake.forget(table + entity + sub);
      },
    };
  }

  /** Sets the overlay aside to be written. What changes from now on goes on top of it. */
  freeze(): Overlay {
    invariant(this.#frozen === null, 'one checkpoint at a time');
    this.#frozen = this.#overlay;
    this.#overlay = new Overlay();
    this.#view = this.under([]);
    return this.#frozen;
  }

  /** The frozen overlay is on disk. */
  release(): void {
    this.#frozen = null;
    this.#view = this.under([]);
  }
}
