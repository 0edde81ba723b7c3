/** What the inspector makes of files of acquirers: accepted rows are counted again, record by record. */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { ReceivedFile } from '../../engine/contract.ts';
import { addToTally, type FileTally, fileTallySub, isTokenList } from '../../engine/file/received-file.ts';
import { isReversal } from '../../engine/programme/index.ts';
import type { Findings } from './findings.ts';
import type { Held } from './held.ts';
import type { PartitionAccount } from './partitions.ts';

/** Of one partition, by file. */
export class AcceptedRows {
  readonly #files: ReadonlyMap<number, ReceivedFile>;
  readonly #findings: Findings;
  readonly #counted = new Map<string, FileTally>();

  constructor(partitions: readonly PartitionAccount[], findings: Findings) {
    this.#files = partitions[0]?.files ?? new Map();
    this.#findings = findings;
  }

  /** A record as its card left it. */
  add({ fileNumber, record, receivedMs, state, key }: LedgerEntry, card: string): void {
    if (fileNumber === 0) return;
    const file = this.#files.get(fileNumber);
    if (file?.sender !== record.acquirerCode || file.receivedMs !== receivedMs) {
      this.#findings.differ(`${card}, record ${key}: not of file ${fileNumber}, which it names`);
    }
    if (!isReversal(record) && state !== 'counted') return;
    const sub = fileTallySub(fileNumber);
    const before = this.#counted.get(sub) ?? { fileNumber, rowCount: 0, amountCents: 0 };
    this.#counted.set(sub, addToTally(before, { rowCount: 1, amountCents: record.amountCents }));
  }

  finish(tallies: ReadonlyMap<string, Held<FileTally>>, partition: number): void {
    for (const sub of new Set([...tallies.keys(), ...this.#counted.keys()])) {
      const subject = `partition ${partition}: accepted of file ${Number(sub)}`;
      this.#findings.expect(subject, this.#counted.get(sub), tallies.get(sub)?.value);
    }
  }
}

/**
 * What a file says of its accepted rows is what all partitions have accepted of it, when it is done. No fact says which
 * list a token came in: of lists it is only known that they hold no money.
 */
export function checkFiles(partitions: readonly PartitionAccount[], findings: Findings): void {
  for (const file of partitions[0]?.files.values() ?? []) {
    const { fileNumber, isDone, figures } = file;
    if (!isDone) continue;
    findings.count('files');
    if (isTokenList(file)) {
      const sumCents = figures.reduce((sum, { amountCents }) => sum + amountCents, 0);
      findings.expect(`file ${fileNumber}: cents of tokens`, 0, sumCents);
      continue;
    }
    const nothing: FileTally = { fileNumber, rowCount: 0, amountCents: 0 };
    const sub = fileTallySub(fileNumber);
    const counted = partitions.flatMap(({ fileTallies }) => fileTallies.get(sub)?.value ?? []);
    const said = figures.filter(({ fate }) => fate === 'accepted');
    findings.expect(
      `file ${fileNumber}: accepted`,
      counted.reduce(addToTally, nothing),
      said.reduce(addToTally, nothing),
    );
  }
}
