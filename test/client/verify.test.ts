// Method: the report of an inspection with one of each thing, and with several; no thing may be called by its field's name.
import { expect, test } from 'vitest';
import { report } from '../../client/cli/verify.ts';

test('what was counted has its word for one and for several', () => {
  const of = (count: number) =>
    report({ ok: true, checked: { citizens: count, bases: count, errorFiles: count }, differences: [] });
  expect(of(1)).toContain('1 citizen, 1 base, 1 file of bad lines');
  expect(of(2_000)).toContain('2,000 citizens, 2,000 bases, 2,000 files of bad lines');
});
