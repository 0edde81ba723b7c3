// Method: a waiting room before a real admission whose one shard the test fills: who is told what, and of whom nothing stays.
import { expect, test } from 'vitest';
import { Admission, type ComeBack, type Place } from '../../server/admission/index.ts';
import { type Waiter, WaitingRoom } from '../../server/session/waiting.ts';
import { digest } from '../admission/crowd.ts';

const CARD: Place = { asker: 'anna', channel: 'citizens', class: 'card', shard: 0 };
const READ: Place = { ...CARD, class: 'read' };

class Listener implements Waiter {
  readonly told: number[] = [];
  isFull = false;
  isGone = false;
  answers = 0;
  canTakePush(): boolean {
    return !this.isFull && !this.isGone;
  }
  pushTurn({ position }: ComeBack): void {
    this.told.push(position);
    this.answerEarly();
  }
  answerEarly(): void {
    this.answers += 1;
  }
}

function opened() {
  const clock = { nowMs: 1_607_400_000_000 };
  const admission = new Admission({
    shards: [{ inside: 10_000, answeredCount: 0, probe: () => new Promise<number>(() => {}) }],
    ...{ digest, origin: 1, nowMs: () => clock.nowMs, random: () => 0 },
  });
  let looks = 0;
  const positionOf = admission.positionOf.bind(admission);
  admission.positionOf = (place) => {
    looks += 1;
    return positionOf(place);
  };
  const room = new WaitingRoom(admission);
  const wait = (waiter: Waiter, place: Place) => {
    room.add(waiter, place, admission.ask({ ...place, weight: 1 })!.ticket, 0);
  };
  /** Until every time has come. */
  const callAll = () => {
    clock.nowMs += 600_000;
    admission.tick();
  };
  const pass = (ms: number) => {
    clock.nowMs += ms;
  };
  return { room, wait, callAll, pass, looks: () => looks };
}

test('who waits for two things is told of both, and called for both', () => {
  const { room, wait, callAll } = opened();
  const anna = new Listener();
  for (const place of [CARD, READ]) wait(anna, place);
  room.tick(1_000);
  expect(anna.told).toEqual([1, 1]);
  room.tick(2_000);
  expect(anna.told, 'nothing has changed').toEqual([1, 1]);
  callAll();
  expect(anna.told).toEqual([1, 1, 0, 0]);
});

test('all connections of one person are told, but for those that are full or gone', () => {
  const { room, wait, callAll } = opened();
  const [here, full, gone] = [new Listener(), new Listener(), new Listener()];
  for (const listener of [here, full, gone]) wait(listener, CARD);
  full.isFull = true;
  gone.isGone = true;
  room.tick(1_000);
  callAll();
  expect([here.told, full.told, gone.told]).toEqual([[1, 0], [], []]);
});

test('who is gone is not looked after, and who waited for an appointment that is over is not told of the next one', () => {
  const { room, wait, pass, looks } = opened();
  const [early, late, gone] = [new Listener(), new Listener(), new Listener()];
  wait(early, CARD);
  wait(gone, READ);
  gone.isGone = true;
  room.tick(1_000);
  expect([early.told, looks()]).toEqual([[1], 2]);
  pass(60_000); // There is no room at the time that was given.
  wait(late, CARD);
  room.tick(2_000);
  expect([early.told, late.told, looks()], 'of two for one place, and of nobody who is gone').toEqual([[1], [1], 4]);
  room.tick(3_000);
  expect(looks(), 'only the later one is left').toBe(5);
});

test('who asked before its time is answered with what else it is told, or else a second after it asked first', () => {
  const { room, wait } = opened();
  const [anna, full] = [new Listener(), new Listener()];
  full.isFull = true;
  wait(anna, CARD);
  wait(full, CARD);
  for (const atMs of [800, 900]) for (const waiter of [anna, full]) room.cameEarly(waiter, atMs);
  room.tick(1_000);
  expect([anna.answers, full.answers]).toEqual([1, 0]);
  room.tick(1_799);
  expect(full.answers).toBe(0);
  room.tick(1_800);
  expect([anna.answers, full.answers]).toEqual([1, 1]);
  room.cameEarly(anna, 2_000);
  room.remove(anna);
  room.tick(3_000);
  expect(anna.answers, 'it is gone').toBe(1);
});
