// Method: seeded walks of good, bad and silent minutes, with restarts in between, drive the incidents and a plain model that
// looks back over a list of all verdicts; both must have opened and closed the same. Then the rules one by one.
import { expect, test } from 'vitest';
import { INCIDENT_LIMITS, type Incident, Incidents, type Measured } from '../../server/service/incidents.ts';
import type { Figures } from '../../server/service/tries.ts';
import { Random, seed } from '../support/random.ts';

const NOW = 1_607_400_000_000;
const SECOND = 1_000;

function minute(successShare: number, p99Ms = 10, tries = 100): Figures {
  const done = Math.round(tries * successShare);
  const counts = { tries, done, shed: tries - done, refused: 0, failed: 0 };
  return { ...counts, successShare: tries === 0 ? null : successShare, p50Ms: 1, p99Ms };
}

const MINUTES = {
  good: minute(1),
  bad: minute(0.4, 2_500),
  between: minute(0.97),
  unseen: minute(0, 0, 0),
} as const;
type Kind = keyof typeof MINUTES;
const KINDS = Object.keys(MINUTES) as readonly Kind[];

const ofWallet = (figures: Figures, isSilent = false): Measured => ({
  functions: [{ name: 'wallet', figures }],
  parts: [{ kind: 'thread', name: 'store 0', isSilent }],
});

/** Looks back over all verdicts that were seen, from the newest on. */
function streakOf(seen: readonly { readonly kind: Kind; readonly nowMs: number; readonly passedMs: number }[]) {
  const verdicts = seen.filter(({ kind }) => kind !== 'unseen');
  const last = verdicts.at(-1);
  if (last === undefined || last.kind === 'between') return null;
  const first = verdicts.findLastIndex(({ kind }) => kind !== last.kind) + 1;
  const ms = verdicts.slice(first + 1).reduce((sum, { passedMs }) => sum + passedMs, 0);
  return { isBad: last.kind === 'bad', sinceMs: verdicts[first]!.nowMs, ms };
}

test('incidents agree with a model that looks back', () => {
  for (let walk = 0; walk < 30; walk += 1) {
    const random = new Random(seed + walk);
    let incidents = new Incidents();
    let seen: { kind: Kind; nowMs: number; passedMs: number }[] = [];
    const model: { startMs: number; endMs: number | null }[] = [];
    let nowMs = NOW;
    let kind: Kind = 'good';
    for (let step = 0; step < 600; step += 1) {
      if (random.below(10) === 0) kind = random.pick(KINDS);
      const passedMs = random.below(30) === 0 ? 60_000 : SECOND;
      nowMs += passedMs;
      if (random.below(100) === 0) {
        incidents = new Incidents(structuredClone([...incidents.closed, ...incidents.open]));
        seen = [];
      }
      const counted = seen.length === 0 ? 0 : Math.min(passedMs, INCIDENT_LIMITS.lookMsMax);
      seen.push({ kind, nowMs, passedMs: counted });
      const before = JSON.stringify(model);
      const open = model.find(({ endMs }) => endMs === null);
      const streak = kind === 'unseen' ? null : streakOf(seen);
      const { badMs, goodMs } = INCIDENT_LIMITS.function;
      if (streak?.isBad === true && open === undefined && streak.ms >= badMs)
        model.push({ startMs: streak.sinceMs, endMs: null });
      if (streak?.isBad === false && open !== undefined && streak.ms >= goodMs) open.endMs = streak.sinceMs;
      const hasChanged = incidents.look(nowMs, ofWallet(MINUTES[kind]));
      const told = [...incidents.open, ...incidents.closed].reverse().map(({ startMs, endMs }) => ({ startMs, endMs }));
      expect(told, `seed=${seed} walk=${walk} step=${step}`).toEqual(model);
      expect(hasChanged).toBe(before !== JSON.stringify(model));
    }
  }
});

class Walk {
  nowMs = NOW;
  incidents: Incidents;

  constructor(kept: readonly Incident[] = []) {
    this.incidents = new Incidents(kept);
  }

  pass(ms: number, measured: Measured): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.incidents.look(this.nowMs, measured);
      this.nowMs += SECOND;
    }
  }
}

test('one tells what was worst, which thresholds were crossed and which parts did not answer', () => {
  const walk = new Walk();
  walk.pass(2_000, ofWallet(MINUTES.good, true));
  expect(walk.incidents.open).toMatchObject([
    { id: 1, kind: 'thread', name: 'store 0', startMs: NOW, crossed: ['silence'], successShareMin: null },
  ]);
  walk.pass(15_000, ofWallet(minute(0.9)));
  expect(
    walk.incidents.open.map(({ kind }) => kind),
    'bad for 14 s',
  ).toEqual([]);
  walk.pass(1_000, ofWallet(minute(0.5, 3_000)));
  walk.pass(5_000, ofWallet(minute(0.8, 9_000)));
  walk.pass(61_000, ofWallet(MINUTES.good));
  const [incident] = walk.incidents.closed;
  expect(incident).toEqual({
    ...{ id: 2, kind: 'function', name: 'wallet', startMs: NOW + 2_000, endMs: NOW + 23_000 },
    ...{ crossed: ['success', 'latency'], successShareMin: 0.5, p99MsMax: 9_000, silentParts: ['store 0'] },
  });
  expect(walk.incidents.closed[1]).toMatchObject({ id: 1, endMs: NOW + 2_000, p99MsMax: null });
});

test('a short one of a part is none, and one that comes and goes is one', () => {
  const walk = new Walk();
  walk.pass(1_000, ofWallet(MINUTES.unseen, true));
  walk.pass(60_000, ofWallet(MINUTES.unseen));
  expect([...walk.incidents.open, ...walk.incidents.closed]).toEqual([]);
  for (let times = 0; times < 5; times += 1) {
    walk.pass(2_000, ofWallet(MINUTES.unseen, true));
    walk.pass(5_000, ofWallet(MINUTES.unseen));
  }
  expect(walk.incidents.open.map(({ id }) => id)).toEqual([1]);
});

test('while nobody tries nothing is over; a start later either', () => {
  const walk = new Walk();
  walk.pass(20_000, ofWallet(MINUTES.bad));
  walk.pass(3_600_000, ofWallet(MINUTES.unseen));
  const later = new Walk(walk.incidents.open);
  later.pass(3_600_000, ofWallet(MINUTES.unseen));
  expect(later.incidents.open).toEqual(walk.incidents.open);
  later.pass(62_000, ofWallet(minute(1, 5, 1)));
  expect(later.incidents.open).toEqual([]);
  expect(later.incidents.closed).toMatchObject([{ id: 1, startMs: NOW, endMs: NOW + 3_600_000 }]);
});

test('of a part that is gone nobody waits for better', () => {
  const walk = new Walk();
  walk.pass(2_000, ofWallet(MINUTES.unseen, true));
  const later = new Walk(walk.incidents.open);
  later.pass(1_000, { functions: [], parts: [] });
  expect([later.incidents.open.length, later.incidents.closed.length]).toEqual([0, 1]);
});

test('an absence of the server is told from 5 s on, and history is bounded', () => {
  const incidents = new Incidents();
  const { absenceMsMin, closedCountMax } = INCIDENT_LIMITS;
  expect(incidents.addAbsence(NOW, NOW + absenceMsMin - 1)).toBe(false);
  expect(incidents.addAbsence(NOW + 10, NOW), 'the clock was put back').toBe(false);
  for (let times = 0; times < closedCountMax + 5; times += 1)
    expect(incidents.addAbsence(NOW, NOW + absenceMsMin)).toBe(true);
  expect(incidents.closed.length).toBe(closedCountMax);
  expect(incidents.closed[0]).toMatchObject({ id: closedCountMax + 5, kind: 'server', endMs: NOW + absenceMsMin });
  expect(new Incidents(incidents.closed).addAbsence(NOW, NOW + absenceMsMin)).toBe(true);
});
