/**
 * What became of the rows of acquirers, by file and summed by acquirer, of one day in Rome: for operators. Records and
 * lists of device tokens are never in one sum.
 */
import {
  addCents,
  type Clock,
  dayNumberOf,
  dayText,
  type Engine,
  type FileFigure,
  isoText,
  isTokenList,
  type Read,
  type ReceivedFile,
  ROW_FATES,
  type RowFate,
  romeDayNumber,
} from '../../engine/index.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

/** Rows and their absolute amounts. */
interface Sum {
  readonly rows: number;
  readonly cents: number;
}

type Sums = Readonly<Record<RowFate, Sum>>;

export interface ReconciledSums extends Sum, Sums {
  /** Of a file by reason, the largest first. */
  readonly reasons: readonly ({ readonly fate: RowFate; readonly code: string } & Sum)[];
}

type Kind = 'transactions' | 'tokens';

interface ReconciledFile extends ReconciledSums {
  readonly fileNumber: number;
  readonly file: string;
  readonly kind: Kind;
  readonly acquirer: string;
  readonly received: string;
  /**
   * `unfinished`: under way, or cut short; only which records were accepted is known, nothing of tokens, and the sender was
   * not answered.
   */
  readonly state: 'done' | 'unfinished';
}

interface ReconciledAcquirer extends ReconciledSums {
  readonly acquirer: string;
  readonly kind: Kind;
  readonly files: number;
  readonly unfinished: number;
}

export interface Reconciliation {
  readonly day: string;
  readonly acquirers: readonly ReconciledAcquirer[];
  readonly files: readonly ReconciledFile[];
}

interface ReconciliationPorts {
  readonly engine: Engine;
  readonly clock: Clock;
}

export function reconciliationRoutes(ports: ReconciliationPorts): readonly Route[] {
  const handle = (call: Call) => readDay(ports, call);
  return [{ method: 'GET', path: '/admin/reconciliation', roles: ['operator'], handle }];
}

/** `?day=YYYY-MM-DD&acquirer=ABI`, by default today: in each sum rows = accepted + dropped + rejected + repeated. */
async function readDay({ engine, clock }: ReconciliationPorts, { request: { query } }: Call): Promise<Answer> {
  const day = query.get('day') ?? dayText(romeDayNumber(clock.nowMs()));
  const dayNumber = dayNumberOf(day);
  if (dayNumber === null) return refuse('FIELD_INVALID', 'day');
  const acquirer = query.get('acquirer');
  if (acquirer !== null && !/^\d{5}$/.test(acquirer)) return refuse('FIELD_INVALID', 'acquirer');
  const files = await filesOf(engine, { dayNumber, ...(acquirer === null ? {} : { sender: acquirer }) });
  if (!files.ok) return files;
  const reconciliation: Reconciliation = {
    day,
    acquirers: [...groupsOf(files.value, (file) => `${file.sender} ${kindOf(file)}`).values()].map(acquirerOf),
    files: files.value.map(fileOf),
  };
  return json(reconciliation);
}

async function filesOf(
  engine: Engine,
  asked: { readonly dayNumber: number; readonly sender?: string },
): Promise<Read<readonly ReceivedFile[]>> {
  const files: ReceivedFile[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await engine.receivedFiles({ ...asked, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.ok) return page;
    files.push(...page.value.files);
    if (page.value.nextCursor === null) return { ok: true, value: files };
    cursor = page.value.nextCursor;
  }
}

function fileOf({ fileNumber, name, sender, receivedMs, isDone, figures }: ReceivedFile): ReconciledFile {
  return {
    fileNumber,
    file: name,
    kind: kindOf({ name }),
    acquirer: sender,
    received: isoText(receivedMs),
    state: isDone ? 'done' : 'unfinished',
    ...sumsOf(figures),
  };
}

function acquirerOf(files: readonly ReceivedFile[]): ReconciledAcquirer {
  const [first] = files;
  const unfinished = files.filter(({ isDone }) => !isDone).length;
  return {
    acquirer: first!.sender,
    kind: kindOf(first!),
    files: files.length,
    unfinished,
    ...sumsOf(files.flatMap(({ figures }) => figures)),
  };
}

function kindOf(file: Pick<ReceivedFile, 'name'>): Kind {
  return isTokenList(file) ? 'tokens' : 'transactions';
}

function sumsOf(figures: readonly FileFigure[]): ReconciledSums {
  const byFate = ROW_FATES.map((fate) => [fate, sumOf(figures.filter((figure) => figure.fate === fate))]);
  const reasons = groupsOf(
    figures.filter(({ code }) => code !== null),
    ({ fate, code }) => `${fate} ${code}`,
  );
  return {
    ...sumOf(figures),
    ...(Object.fromEntries(byFate) as Sums),
    reasons: [...reasons.values()]
      .map((own) => ({ fate: own[0]!.fate, code: own[0]!.code ?? '', ...sumOf(own) }))
      .sort((left, right) => right.rows - left.rows),
  };
}

function sumOf(figures: readonly FileFigure[]): Sum {
  return {
    rows: figures.reduce((sum, { rowCount }) => sum + rowCount, 0),
    cents: figures.reduce((sum, { amountCents }) => addCents(sum, amountCents), 0),
  };
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
