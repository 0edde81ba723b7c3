// Method: made-up results are rendered; what a commit message needs (before, after, unit, percentiles, machine,
// commit) must stand in the one line, and nothing may be invented where a figure is missing.
import { describe, expect, test } from 'vitest';
import { claim, figure, type Report, renderReport } from '../../bench/report.ts';

const MACHINE = { cpu: 'Some CPU', coreCount: 2, memoryBytes: 8e9, node: 'v20.15.0', platform: 'linux x64' };

function report(value: number, commit = 'abc1234'): Report {
  return {
    suite: 'wallet',
    machine: MACHINE,
    commit,
    results: [
      { name: 'decide', unit: 'us', value, p50: value, p99: 9.5 },
      { name: 'bare', unit: 'us', value: 1.25 },
    ],
    ratios: [{ name: 'decide to bare', value: value / 1.25, of: 'decide', to: 'bare' }],
  };
}

describe('a report', () => {
  test('claims in one line: value, unit, percentiles, machine, commit', () => {
    expect(claim(report(2.5))).toBe(
      'wallet, decide: 2.5 us (p50 2.5, p99 9.5); 2 x Some CPU, Node 20.15.0, commit abc1234',
    );
  });

  test('claims before and after when it has both', () => {
    expect(claim(report(2.5), report(3.75))).toContain('wallet, decide: 3.75 -> 2.5 us');
  });

  test('shows the change of each figure that both have, and of each ratio', () => {
    const text = renderReport(report(2.5), { ...report(5), results: [report(5).results[0]!] });
    expect(text).toContain('-50.0 %');
    expect(text).toContain('decide to bare: 2 (was 4) = decide / bare');
    expect(text.split('\n').find((line) => line.includes('bare '))).not.toContain('%');
  });

  test('says so when nothing was measured', () => {
    expect(claim({ ...report(1), results: [] })).toBe('wallet: nothing was measured');
  });

  test.each([
    [0, '0'],
    [1234567.8, '1,234,568'],
    [12.3456, '12.35'],
    [0.00123456, '0.001235'],
    [-2.34567, '-2.346'],
  ])('writes %d as %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});
