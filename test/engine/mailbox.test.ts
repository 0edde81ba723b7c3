// Method: the mailbox alone, filled with tasks of which only kind and name matter.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/index.ts';
import type { Quarantine } from '../../engine/ports.ts';
import { Mailbox, overloaded } from '../../engine/shard/mailbox.ts';
import type { Task } from '../../engine/shard/task.ts';

const task = (name: string, kind = 'command') => ({ kind, name }) as unknown as Task;
const names = (tasks: readonly Task[]) => tasks.map(({ name }) => name);

function suspecting(...suspects: readonly string[]): Quarantine {
  return {
    hasSuspects: suspects.length > 0,
    isSuspect: (name: string) => suspects.includes(name),
  } as Partial<Quarantine> as Quarantine;
}

function filled(quarantine?: Quarantine): Mailbox {
  const mailbox = new Mailbox(quarantine);
  for (const name of ['a', 'b', 'c']) mailbox.add(task(name));
  for (const name of ['u', 'v']) mailbox.addUrgent(task(name, 'message'));
  return mailbox;
}

function takeAll(mailbox: Mailbox): readonly (readonly string[])[] {
  const batches: (readonly string[])[] = [];
  while (!mailbox.isEmpty) batches.push(names(mailbox.take(mailbox.next(false))));
  return batches;
}

test('what may not be refused goes first, each kind in its order; nothing stays behind', () => {
  const mailbox = filled();
  expect(names(mailbox.look({ urgent: 1, waiting: 2 }))).toEqual(['u', 'a', 'b']);
  expect(names(mailbox.take({ urgent: 1, waiting: 1 }))).toEqual(['u', 'a']);
  expect(mailbox.waitingCount).toBe(2);
  expect(takeAll(mailbox)).toEqual([['v', 'b', 'c']]);
  expect(new Mailbox(undefined).isEmpty).toBe(true);
});

test('where commands have to wait, only the others are work', () => {
  const mailbox = filled();
  expect(mailbox.hasWork(true)).toBe(true);
  expect(names(mailbox.take(mailbox.next(true)))).toEqual(['u', 'v']);
  expect([mailbox.hasWork(true), mailbox.hasWork(false), mailbox.isEmpty]).toEqual([false, true, false]);
  expect(names(mailbox.takeWaiting())).toEqual(['a', 'b', 'c']);
  expect(mailbox.hasWork(false)).toBe(false);
  mailbox.addUrgent(task('w'));
  expect([mailbox.isEmpty, mailbox.hasWork(true)]).toEqual([false, true]);
});

test('a probe waits with the others, and is no work', () => {
  const mailbox = new Mailbox(undefined);
  for (const [name, kind] of [
    ['a', 'command'],
    ['p', 'probe'],
    ['q', 'probe'],
  ] as const)
    mailbox.add(task(name, kind));
  expect([mailbox.waitingCount, mailbox.isEmpty]).toEqual([1, false]);
  expect(names(mailbox.take({ urgent: 0, waiting: 2 }))).toEqual(['a', 'p']);
  expect(mailbox.waitingCount).toBe(0);
  mailbox.takeWaiting();
  expect([mailbox.waitingCount, mailbox.isEmpty]).toEqual([0, true]);
});

test('a turn takes so many, and so many wait at most', () => {
  const mailbox = new Mailbox(undefined);
  for (let count = 0; count < LIMITS.mailboxCountMax; count += 1) {
    expect(mailbox.isOverloaded).toBe(false);
    mailbox.add(task(`${count}`));
  }
  expect(mailbox.isOverloaded).toBe(true);
  expect(mailbox.next(false)).toEqual({ urgent: 0, waiting: LIMITS.batchCountMax });
  mailbox.take({ urgent: 0, waiting: 1 });
  expect(mailbox.isOverloaded).toBe(false);
  expect(overloaded(1_000)).toEqual({ ok: false, code: 'OVERLOADED', retryAtMs: 1_000 + LIMITS.mailboxDrainMs });
});

describe('a suspect gets a turn of its own', () => {
  test.each([
    [['u'], [['u'], ['v', 'a', 'b', 'c']]],
    [['v'], [['u'], ['v'], ['a', 'b', 'c']]],
    [['a'], [['u', 'v'], ['a'], ['b', 'c']]],
    [['c'], [['u', 'v', 'a', 'b'], ['c']]],
    [
      ['b', 'c'],
      [['u', 'v', 'a'], ['b'], ['c']],
    ],
    [['nobody here'], [['u', 'v', 'a', 'b', 'c']]],
    [[], [['u', 'v', 'a', 'b', 'c']]],
  ] as const)('%j', (suspects, batches) => {
    const mailbox = filled(suspecting(...suspects));
    const taken = takeAll(mailbox).map((batch) => [...batch]);
    expect(taken.flat()).toEqual(['u', 'v', 'a', 'b', 'c']);
    // Whoever comes before a suspect may share a turn, and whoever comes after it begins the next one.
    for (const suspect of suspects) {
      if (taken.flat().includes(suspect)) expect(taken).toContainEqual([suspect]);
    }
    expect(taken).toEqual(batches);
  });
});
