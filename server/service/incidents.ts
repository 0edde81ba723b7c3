/**
 * Incidents, as measured (R7): nobody writes them. One of a function opens when it has been beyond a threshold for a while,
 * one of a part of the server when that has not answered for a while; it closes when it has been good for longer. A
 * function that nobody tries is neither: its incident stays, for nothing shows that it is over. Pure: time is an argument.
 */
import { crossedBy, type FunctionName, isGood, type Signal } from './functions.ts';
import { type Figures, MINUTE_MS } from './tries.ts';

export const INCIDENT_KINDS = ['function', 'thread', 'storage', 'partner', 'server'] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

/** What it is of. */
export interface Subject {
  readonly kind: IncidentKind;
  readonly name: string;
}

export interface Incident extends Subject {
  /** From 1, in the order in which they opened. */
  readonly id: number;
  /** When it began to be bad, and when it began to be good again; null = it is not over. Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number | null;
  /** `silence`: a part that did not answer. */
  readonly crossed: readonly (Signal | 'silence')[];
  /** The worst minute of a function; null where there was no such figure. */
  readonly successShareMin: number | null;
  readonly p99MsMax: number | null;
  /** Parts that did not answer meanwhile, or in the minute before. */
  readonly silentParts: readonly string[];
}

/** A part of the server, or of those whom it asks. */
export interface Part {
  readonly kind: Exclude<IncidentKind, 'function' | 'server'>;
  readonly name: string;
  readonly isSilent: boolean;
}

export interface Measured {
  readonly functions: readonly { readonly name: FunctionName; readonly figures: Figures }[];
  readonly parts: readonly Part[];
}

export const INCIDENT_LIMITS = {
  /** For how long it is bad until an incident opens, and good until it closes. */
  function: { badMs: 15_000, goodMs: 60_000 },
  /** A thread that is silent for 5 s ends the process: this must come well before. */
  part: { badMs: 1_000, goodMs: 10_000 },
  /** A shorter absence is a restart that nobody noticed. */
  absenceMsMin: 5_000,
  /** Between two looks so much has passed at most: a process that was stopped has not seen anything. */
  lookMsMax: 5_000,
  closedCountMax: 200,
} as const;

type Seen = Pick<Incident, 'crossed' | 'successShareMin' | 'p99MsMax' | 'silentParts'>;

/** Of a part there is nothing else to be seen. */
const SILENCE: Seen = { crossed: ['silence'], successShareMin: null, p99MsMax: null, silentParts: [] };

/** For how long a subject has been bad, or good, without the other; and the worst of it. */
interface Streak {
  readonly isBad: boolean;
  readonly sinceMs: number;
  readonly ms: number;
  readonly seen: Seen;
}

interface Verdict extends Subject {
  /** `between` two thresholds; `unseen`: nobody tried. */
  readonly verdict: 'bad' | 'between' | 'good' | 'unseen';
  readonly seen: Seen;
}

export class Incidents {
  readonly #open = new Map<string, Incident>();
  /** The newest first. */
  #closed: readonly Incident[];
  readonly #streaks = new Map<string, Streak>();
  /** When a part was silent last, by its name. */
  readonly #silentMs = new Map<string, number>();
  #lookedMs: number | null = null;
  #idLast: number;

  /** @param kept of an earlier start: those that were open still are, until the opposite is seen */
  constructor(kept: readonly Incident[] = []) {
    for (const incident of kept) if (incident.endMs === null) this.#open.set(keyOf(incident), incident);
    this.#closed = newestFirst(kept.filter(({ endMs }) => endMs !== null));
    this.#idLast = kept.reduce((last, { id }) => Math.max(last, id), 0);
  }

  /** The newest first, as `closed`. */
  get open(): readonly Incident[] {
    return newestFirst([...this.#open.values()]);
  }

  get closed(): readonly Incident[] {
    return this.#closed;
  }

  /** To be called every second. @returns whether one has opened or closed */
  look(nowMs: number, measured: Measured): boolean {
    const passedMs = Math.min(nowMs - (this.#lookedMs ?? nowMs), INCIDENT_LIMITS.lookMsMax);
    this.#lookedMs = nowMs;
    const verdicts = this.#verdictsOn(measured, nowMs);
    let hasChanged = this.#closeUnknown(verdicts, nowMs);
    for (const verdict of verdicts) if (this.#judge(verdict, passedMs, nowMs)) hasChanged = true;
    return hasChanged;
  }

  /** The server itself was not there. @returns whether that is worth telling */
  addAbsence(startMs: number, endMs: number): boolean {
    if (endMs - startMs < INCIDENT_LIMITS.absenceMsMin) return false;
    this.#close(this.#begun({ kind: 'server', name: 'server' }, startMs, SILENCE), endMs);
    return true;
  }

  #verdictsOn({ functions, parts }: Measured, nowMs: number): readonly Verdict[] {
    for (const { name, isSilent } of parts) if (isSilent) this.#silentMs.set(name, nowMs);
    const silentParts = [...this.#silentMs].filter(([, ms]) => nowMs - ms <= MINUTE_MS).map(([name]) => name);
    return [
      ...parts.map(({ kind, name, isSilent }): Verdict => {
        return { kind, name, verdict: isSilent ? 'bad' : 'good', seen: SILENCE };
      }),
      ...functions.map(({ name, figures }): Verdict => {
        const crossed = crossedBy(name, figures);
        const { successShare: successShareMin, p99Ms: p99MsMax } = figures;
        const seen = { crossed, successShareMin, p99MsMax, silentParts };
        return { kind: 'function', name, verdict: verdictOn(name, figures), seen };
      }),
    ];
  }

  /** Of what this start does not know any more nobody will see that it is good. */
  #closeUnknown(verdicts: readonly Verdict[], nowMs: number): boolean {
    const known = new Set(verdicts.map(keyOf));
    const unknown = [...this.#open].filter(([key]) => !known.has(key));
    for (const [, incident] of unknown) this.#close(incident, nowMs);
    return unknown.length > 0;
  }

  #judge({ verdict, seen, ...subject }: Verdict, passedMs: number, nowMs: number): boolean {
    if (verdict === 'unseen') return false;
    const key = keyOf(subject);
    if (verdict === 'between') {
      this.#streaks.delete(key);
      return false;
    }
    const isBad = verdict === 'bad';
    const streak = this.#prolonged(key, { isBad, sinceMs: nowMs, ms: 0, seen }, passedMs);
    const open = this.#open.get(key);
    if (isBad && open !== undefined) this.#open.set(key, { ...open, ...worse(open, seen) });
    const { badMs, goodMs } = subject.kind === 'function' ? INCIDENT_LIMITS.function : INCIDENT_LIMITS.part;
    if (isBad === (open !== undefined) || streak.ms < (isBad ? badMs : goodMs)) return false;
    if (open === undefined) this.#open.set(key, this.#begun(subject, streak.sinceMs, streak.seen));
    else this.#close(open, streak.sinceMs);
    return true;
  }

  #prolonged(key: string, fresh: Streak, passedMs: number): Streak {
    const last = this.#streaks.get(key);
    const streak =
      last?.isBad === fresh.isBad ? { ...last, ms: last.ms + passedMs, seen: worse(last.seen, fresh.seen) } : fresh;
    this.#streaks.set(key, streak);
    return streak;
  }

  #begun({ kind, name }: Subject, startMs: number, seen: Seen): Incident {
    this.#idLast += 1;
    return { id: this.#idLast, kind, name, startMs, endMs: null, ...seen };
  }

  #close(incident: Incident, endMs: number): void {
    this.#open.delete(keyOf(incident));
    const closed = newestFirst([{ ...incident, endMs }, ...this.#closed]);
    this.#closed = closed.slice(0, INCIDENT_LIMITS.closedCountMax);
  }
}

function keyOf({ kind, name }: Subject): string {
  return `${kind} ${name}`;
}

function newestFirst(incidents: readonly Incident[]): readonly Incident[] {
  return [...incidents].sort((one, other) => other.id - one.id);
}

function verdictOn(name: FunctionName, figures: Figures): Verdict['verdict'] {
  if (figures.tries === 0) return 'unseen';
  if (crossedBy(name, figures).length > 0) return 'bad';
  return isGood(name, figures) ? 'good' : 'between';
}

function worse(one: Seen, other: Seen): Seen {
  return {
    crossed: [...new Set([...one.crossed, ...other.crossed])],
    successShareMin: ofBoth(Math.min, one.successShareMin, other.successShareMin),
    p99MsMax: ofBoth(Math.max, one.p99MsMax, other.p99MsMax),
    silentParts: [...new Set([...one.silentParts, ...other.silentParts])],
  };
}

function ofBoth(pick: (one: number, other: number) => number, one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : pick(one, other);
}
