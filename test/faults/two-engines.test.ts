// Method: processes that open one folder at the same moment, again and again, and are killed so that each finds what the
// ones before left; and copies of a folder taken while a process writes to it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { StorageFault } from '../../engine/ports.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { turnOf } from '../contract/appender.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';
import { saveLong } from '../support/results.ts';

const STARTS = Number(process.env.STARTS ?? 50);
const AT_ONCE = 5;
/** An engine started beside others on a busy machine, and what it wrote checked. */
const START_MS_MAX = 6_000;
const LONG_MS = 600_000 + STARTS * START_MS_MAX;
const random = new Random(seed);
let program: Compiled;
let place: string;
let folder: string;

beforeAll(() => {
  program = compile('test/contract/appender.ts');
});
afterAll(() => program.remove());
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-two-'));
  folder = join(place, 'data');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

class Process {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  /** Its first line. */
  readonly said: Promise<string>;
  acked = 0;
  #afterAck: () => void = () => {};

  constructor(work: string) {
    this.#child = spawn(process.execPath, [program.path, work, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#closed = once(this.#child, 'close');
    const lines = createInterface({ input: this.#child.stdout! });
    this.said = once(lines, 'line').then(([line]) => String(line));
    lines.on('line', (line) => {
      if (!line.startsWith('acked')) return;
      this.acked = Number(line.slice('acked '.length));
      this.#afterAck();
    });
  }

  async whenAcked(sequence: number): Promise<void> {
    while (this.acked < sequence) {
      await new Promise<void>((resolve) => {
        this.#afterAck = resolve;
      });
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

test(`fault 76: of ${STARTS} engines started on one folder, ${AT_ONCE} at a time, one at a time wins, and none is lost`, {
  timeout: LONG_MS,
}, async () => {
  let acked = 0;
  for (let round = 0; round < STARTS / AT_ONCE; round += 1) {
    const processes = Array.from({ length: AT_ONCE }, () => new Process('append'));
    const said = await Promise.all(processes.map((one) => one.said));
    const winner = said.findIndex((line) => line.startsWith('opened'));
    expect(
      said.filter((line) => line.startsWith('opened')),
      `round ${round}`,
    ).toHaveLength(1);
    expect(said.filter((line) => line.startsWith('fault FOLDER_IN_USE'))).toHaveLength(AT_ONCE - 1);
    await processes[winner]!.whenAcked(acked + 5 + random.below(10));
    await Promise.all(processes.map((one) => one.kill()));
    const before = acked;
    acked = processes[winner]!.acked;
    expect(await checkWhole(folder, before), `seed=${seed} round ${round}`).toBeGreaterThanOrEqual(acked);
  }
  const last = await checkWhole(folder);
  saveLong(process.env.STARTS, {
    suite: 'two-engines',
    command: `STARTS=${STARTS} SEED=${seed} npx vitest run test/faults/two-engines.test.ts`,
    counts: {
      'engines started': STARTS,
      'engines that won': STARTS / AT_ONCE,
      'records acknowledged': acked,
      'records found': last,
    },
  });
});

test('fault 7: of a folder copied while it is written, nothing is lost that was acknowledged before, or it is refused with a cause', {
  timeout: LONG_MS,
}, async () => {
  const outcomes: Record<string, number> = {};
  const writer = new Process('append');
  for (let round = 0; round < 8; round += 1) {
    await writer.whenAcked(writer.acked + 1 + random.below(40));
    const copy = join(place, `copy-${round}`);
    const before = writer.acked;
    spawnSync('cp', ['-r', folder, copy], { stdio: 'ignore' }); // Says no more than that a file has gone meanwhile.
    const outcome = await checkWhole(copy).catch((error: unknown) => {
      if (error instanceof StorageFault) return error;
      throw error;
    });
    const name = typeof outcome === 'number' ? 'whole' : outcome.code;
    outcomes[name] = (outcomes[name] ?? 0) + 1;
    if (typeof outcome === 'number') expect(outcome, `seed=${seed} round=${round}`).toBeGreaterThanOrEqual(before);
  }
  await writer.kill();
  console.info(`copies of a live folder: ${JSON.stringify(outcomes)}`);
  await checkWhole(folder);
});

/** Reads all of it, or what comes after a sequence up to which it was read before. @returns its last sequence */
async function checkWhole(path: string, before = 0): Promise<number> {
  const persistence = await openPersistence({ folder: path });
  try {
    persistence.scrub();
    const { journal } = persistence.stores[0]!;
    let sequence = before;
    for (const turn of journal.read(before + 1)) {
      sequence += 1;
      expect(turn).toEqual(turnOf(turn.epoch, sequence));
    }
    return sequence;
  } finally {
    await persistence.close();
  }
}
