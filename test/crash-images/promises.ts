/**
 * Opens a data folder as a start does after a power cut, and asks for everything that had been promised by then:
 * through sessions, as clients would, over the engine that recovered it.
 */
import { makeTaxCode } from '../../engine/index.ts';
import { openPersistence, verifyFolder } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { ACQUIRER, type Promised, type PromisedRow } from '../kill/crowd.ts';
import { Front } from '../session/front.ts';
import type { Random } from '../support/random.ts';

/** Promised until some moment, and what was under way then. */
export interface Expected {
  readonly promised: readonly Promised[];
  readonly rows: readonly PromisedRow[];
  /** Sent again twice, they happen once. */
  readonly unpromised: readonly Promised[];
  readonly nowMs: number;
}

export interface Verdict {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly unopenable: readonly string[];
  /** What a recomputation from scratch finds, before anybody asked or after. */
  readonly differences: readonly string[];
}

/** Of the promises that were not asked for at the last moment, so many are asked for. */
const NEWEST = 150;
const OLDER = 100;
const SENT_AGAIN = 20;

export async function judge(folder: string, expected: Expected, random: Random): Promise<Verdict> {
  const found = {
    lost: [] as string[],
    doubled: [] as string[],
    unopenable: [] as string[],
    differences: [] as string[],
  };
  try {
    // As it was left, or as it goes on: each takes as long as all the rest.
    const isRaw = random.below(2) === 0;
    const persistence = await openPersistence({ folder });
    try {
      if (isRaw) found.differences.push(...(await verifyPersistence(persistence)).differences);
      const front = await Front.open({ persistence, now: new Date(expected.nowMs).toISOString() });
      await askFor(front, expected, random, found);
      await front.world.engine.close();
      found.unopenable.push(...front.world.faults.map(String));
    } finally {
      await persistence.close();
    }
    if (!isRaw) found.differences.push(...(await verifyFolder(folder)).differences);
  } catch (error) {
    found.unopenable.push(String(error));
  }
  return found;
}

async function askFor(
  front: Front,
  { promised, rows, unpromised }: Expected,
  random: Random,
  found: { readonly lost: string[]; readonly doubled: string[] },
): Promise<void> {
  const citizens = new Map<number, ReturnType<Front['connect']>>();
  const ask = async ({ citizen }: Promised, request: Readonly<Record<string, unknown>>) => {
    if (!citizens.has(citizen)) citizens.set(citizen, front.connect('citizen', makeTaxCode(citizen)));
    return (await citizens.get(citizen)!).ask(request);
  };
  const older = promised.slice(0, -NEWEST);
  const asked = [...promised.slice(-NEWEST), ...random.shuffle(older).slice(0, OLDER)];
  for (const one of asked) {
    const { view } = await ask(one, { type: 'outcome', id: one.request.id });
    const { state, answer } = (view ?? {}) as { readonly state?: string; readonly answer?: unknown };
    if (state !== 'done' || !isSame(answer, one.answer)) found.lost.push(`${nameOf(one)}: ${JSON.stringify(view)}`);
  }
  // To show a wallet its seals are opened: without their keys the rest is worth nothing.
  for (const one of new Map(asked.map((each) => [each.citizen, each])).values()) {
    const { ok } = await ask(one, { type: 'wallet' });
    if (!ok) found.lost.push(`the wallet of citizen ${one.citizen}`);
  }
  for (const one of random.shuffle(asked).slice(0, SENT_AGAIN)) {
    const reply = await ask(one, one.request);
    if (reply.ok && reply.repeated === true && isSame(reply.answer, one.answer)) continue;
    found.doubled.push(`${nameOf(one)} sent again: ${JSON.stringify(reply)}`);
  }
  for (const one of unpromised) {
    const [first, second] = [await ask(one, one.request), await ask(one, one.request)];
    if (!first.ok || (second.ok && second.repeated === true && isSame(second.answer, first.answer))) continue;
    found.doubled.push(`${nameOf(one)} sent twice: ${JSON.stringify(second)}`);
  }
  await askForRows(front, rows, found.lost);
}

/** A counted row sent again is a duplicate: it is there, and it is there once. */
async function askForRows(front: Front, promised: readonly PromisedRow[], lost: string[]): Promise<void> {
  const rows = promised.filter(({ outcome }) => outcome.status === 'counted').slice(-NEWEST);
  if (rows.length === 0) return;
  const acquirer = await front.connect('acquirer', ACQUIRER);
  const { view } = await acquirer.ask({ type: 'recordPayments', rows: rows.map(({ row }) => row) });
  const { outcomes = [] } = (view ?? {}) as { readonly outcomes?: readonly { readonly code?: string }[] };
  rows.forEach(({ row }, index) => {
    if (outcomes[index]?.code === 'DUPLICATE_RECORD') return;
    lost.push(`row ${String(row.idTrxAcquirer)}: ${JSON.stringify(outcomes[index])}`);
  });
}

function nameOf({ citizen, request }: Promised): string {
  return `${String(request.type)} ${request.id} of citizen ${citizen}`;
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
