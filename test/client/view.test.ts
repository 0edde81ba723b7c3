// Method: the view is a pure function, so states from empty to absurdly large are drawn and measured;
// what a person must find in the picture is looked up as text.
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { paintFor, widthOf } from '../../client/paint.ts';
import type { KindSummary } from '../../client/replay/meter.ts';
import type { StepKind } from '../../client/replay/plan.ts';
import { type ReplayView, renderView, squeeze, VIEW_HEIGHT, VIEW_WIDTH } from '../../client/replay/view.ts';
import { Random, seed } from '../support/random.ts';

const plain = paintFor(false);

function summary(kind: StepKind): KindSummary {
  return { kind, done: 1_234, repeated: 1, refused: 2, lost: 0, p50Ms: 1.5, p99Ms: 9.75, p999Ms: 20, maxMs: 60 };
}

const busy: ReplayView = {
  part: '4 of 4',
  title: 'the click day',
  programmeMs: Date.parse('2020-12-08T10:42:00+01:00'),
  elapsedMs: 67_000,
  perSecond: Array.from({ length: 67 }, (_, second) => 1_400 * Math.sin(second / 25) ** 2),
  rateTarget: 1_400,
  latency: { p50Ms: 1.234, p99Ms: 12.34, p999Ms: 123.4, maxMs: 1_234 },
  inFlight: 31,
  sockets: 214,
  done: 23_114,
  repeated: 112,
  lost: 0,
  refusals: [
    ['OVERLOADED', 12],
    ['INSTRUMENT_TAKEN', 4],
  ],
  citizens: 3_120,
  instruments: 5_210,
  ibans: 2_480,
  payments: 4_400,
  kinds: ['login', 'enrol', 'wallet', 'addMethod', 'enableCashback', 'setIban'].map((kind) =>
    summary(kind as StepKind),
  ),
  participants: 1_040,
  watched: [
    { name: 'Anna R.', rank: 12, rankBefore: 15, payments: 11, cashbackCents: 4_812 },
    { name: 'Luca B.', rank: 1_020, rankBefore: 900, payments: 1, cashbackCents: 20 },
    { name: 'Sara C.', rank: 0, rankBefore: 0, payments: 0, cashbackCents: 0 },
  ],
};

const empty: ReplayView = {
  ...busy,
  part: '',
  perSecond: [],
  refusals: [],
  participants: 0,
  watched: [],
  elapsedMs: 0,
};

/** Every number and text as large as it could ever be. */
const swollen: ReplayView = {
  ...busy,
  title: 'a title that goes on and on '.repeat(8),
  perSecond: Array.from({ length: 9_000 }, () => 999_999),
  rateTarget: 999_999,
  latency: { p50Ms: 59_999, p99Ms: 60_000, p999Ms: 60_000, maxMs: 60_000 },
  inFlight: 999_999,
  sockets: 99_999,
  done: 999_999_999,
  repeated: 9_999_999,
  lost: 9_999_999,
  refusals: Array.from({ length: 40 }, (_, index) => [`SOME_LONG_REFUSAL_CODE_${index}`, 123_456] as const),
  citizens: 9_999_999,
  instruments: 9_999_999,
  ibans: 9_999_999,
  payments: 99_999_999,
  participants: 60_000_000,
  watched: Array.from({ length: 30 }, () => ({
    name: 'Massimiliano Alessandro Bartolomeo della Robbia Quintavalle',
    rank: 9_999_999,
    rankBefore: 1,
    payments: 999_999,
    cashbackCents: 99_999_999,
  })),
};

describe('the view', () => {
  test.each([
    ['an empty replay', empty],
    ['a busy replay', busy],
    ['a swollen replay', swollen],
  ])('%s fits a terminal of 80 columns and 24 lines, cursor included, with and without colours', (_, state) => {
    for (const paint of [plain, paintFor(true)]) {
      const lines = renderView(state, paint);
      expect(lines.length).toBeLessThanOrEqual(VIEW_HEIGHT);
      for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(VIEW_WIDTH);
    }
  });

  test('colours change nothing but the colours', () => {
    const coloured = renderView(busy, paintFor(true));
    expect(coloured.map(stripVTControlCharacters)).toEqual(renderView(busy, plain));
    expect(coloured).not.toEqual(renderView(busy, plain));
  });

  test('shows the programme time, rates, latencies, refusals and who moved', () => {
    const text = renderView(busy, plain).join('\n');
    for (const part of ['Tue 8 Dec 2020 10:42', 'due 1,400', 'p99 12.3 ms', 'OVERLOADED 12', 'ranking of 1,040']) {
      expect(text).toContain(part);
    }
    expect(text).toMatch(/12 {2}▲ 3 +Anna R\. +11 +€ 48\.12/);
    expect(text).toMatch(/1,020 {2}▼ 120 +Luca B\./);
  });

  test('before the first payment, shows what people press', () => {
    const text = renderView({ ...busy, participants: 0 }, plain).join('\n');
    expect(text).toMatch(/enableCashback +1,234 +1\.50 ms +9\.75 ms/);
    expect(text).not.toContain('ranking of');
  });

  test('a long series is squeezed without losing its peak', () => {
    const random = new Random(seed);
    const series = Array.from({ length: 70 + random.below(500) }, () => random.below(1_000));
    series[random.below(series.length)] = 5_000;
    const squeezed = squeeze(series, 70);
    expect(squeezed).toHaveLength(70);
    expect(Math.max(...squeezed)).toBe(5_000);
  });
});
