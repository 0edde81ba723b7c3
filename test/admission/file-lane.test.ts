// Method: one lane, rows that enter and leave by hand.
import { expect, test } from 'vitest';
import { FileLane } from '../../server/admission/file-lane.ts';

test('as many as may are inside, and the others enter in the order in which they came', async () => {
  const lane = new FileLane();
  lane.setRowsMax(2);
  expect([lane.enter(), lane.enter()]).toEqual([null, null]);
  const entered: string[] = [];
  const waiting = ['first', 'second', 'third'].map((name) => lane.enter()!.then(() => entered.push(name)));
  lane.leave();
  await waiting[0];
  expect(entered).toEqual(['first']);
  lane.setRowsMax(4);
  await Promise.all(waiting);
  expect(entered).toEqual(['first', 'second', 'third']);
  expect(lane.inside).toBe(4);
});

test('nobody overtakes whoever waits, and with less room those inside stay until they are done', () => {
  const lane = new FileLane();
  lane.setRowsMax(3);
  for (let row = 0; row < 3; row += 1) lane.enter();
  lane.setRowsMax(1);
  expect(lane.enter()).not.toBeNull();
  lane.leave();
  lane.leave();
  expect(lane.inside).toBe(1);
  lane.leave();
  expect(lane.inside).toBe(1);
});

test('one row goes on whatever happens', () => {
  const lane = new FileLane();
  lane.setRowsMax(0);
  expect(lane.enter()).toBeNull();
});
