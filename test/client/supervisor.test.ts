// Method: the supervisor runs small real programs that behave as an engine process may: get ready, die, refuse their
// configuration, or not stop when asked, or not in order. Each start leaves a line in a file, which is what the tests count.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExitCode, type Ready, type Supervisor, supervise } from '../../server/supervisor.ts';

/** Does what `deeds` says at its n-th start; the last one is repeated. */
const PROGRAM = `
import { appendFileSync, readFileSync } from 'node:fs';
const { log, deeds } = JSON.parse(process.argv[2]);
appendFileSync(log, process.pid + '\\n');
const start = readFileSync(log, 'utf8').trim().split('\\n').length;
const deed = deeds[Math.min(start, deeds.length) - 1];
if (deed === 'refuse') process.exit(2);
if (deed === 'die') process.exit(70);
const end = () => process.kill(process.pid, 'SIGKILL');
const whenAsked = {
  stubborn: () => {},
  break: () => process.exit(70),
  'be killed': end,
  'leave rows': () => process.send({ answered: true }, end),
};
if (deed !== 'recover') process.on('SIGTERM', whenAsked[deed] ?? (() => process.exit(0)));
if (deed !== 'recover') process.send({ ready: { url: 'http://127.0.0.1:1', transport: 'ws', shardCount: 1, folder: '.', programme: 'p', isNew: true } });
setInterval(() => {}, 1_000);
`;

let folder: string;
let program: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-supervisor-'));
  program = join(folder, 'engine.mjs');
  writeFileSync(program, PROGRAM);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Story {
  readonly supervisor: Supervisor;
  readonly ready: Ready[];
  readonly events: string[];
  /** Process ids of all starts, in order. */
  starts(): readonly number[];
  whenReady(count: number): Promise<void>;
}

function tell(deeds: readonly string[], stopMsMax = 5_000): Story {
  const log = join(folder, `starts-${Math.random()}`);
  writeFileSync(log, '');
  const [ready, events]: [Ready[], string[]] = [[], []];
  const waiting: (() => void)[] = [];
  const supervisor = supervise({
    options: { log, deeds },
    program,
    limits: { backOffMsFirst: 1, backOffMsMax: 4, deathCountMax: 3, steadyMs: 60_000, stopMsMax },
    onReady: (value) => {
      ready.push(value);
      for (const wake of waiting.splice(0)) wake();
    },
    onEvent: (text) => events.push(text),
  });
  const starts = () => readFileSync(log, 'utf8').split('\n').filter(Boolean).map(Number);
  const whenReady = async (count: number) => {
    while (ready.length < count) await new Promise<void>((wake) => waiting.push(wake));
  };
  return { supervisor, ready, events, starts, whenReady };
}

describe('the supervisor', () => {
  test('reports what the engine says when it is ready, and stops it in an orderly way', async () => {
    const { supervisor, ready, events, whenReady } = tell(['live']);
    await whenReady(1);
    expect(ready[0]).toMatchObject({ transport: 'ws', shardCount: 1, isNew: true });
    expect(await supervisor.stop()).toBe<ExitCode>(0);
    expect(events).toEqual([]);
  });

  test('starts an engine that was killed again, and says so', async () => {
    const { supervisor, starts, events, whenReady } = tell(['live']);
    await whenReady(1);
    process.kill(starts()[0]!, 'SIGKILL');
    await whenReady(2);
    expect(starts()).toHaveLength(2);
    expect(events).toEqual(['the engine died (SIGKILL): starting it again']);
    expect(await supervisor.stop()).toBe(0);
  });

  test('gives up after deaths in a row, with what to do next', async () => {
    const { supervisor, starts, events } = tell(['die']);
    expect(await supervisor.ended).toBe(1);
    expect(starts()).toHaveLength(3);
    expect(events.at(-1)).toMatch(/died 3 times in a row \(last: exit code 70\): giving up.*clickday verify/s);
  });

  test('fault 12: says what ends a process by such a signal', async () => {
    const { supervisor, starts, events, whenReady } = tell(['live', 'die']);
    await whenReady(1);
    process.kill(starts()[0]!, 'SIGBUS');
    expect(await supervisor.ended).toBe(1);
    expect(events[0]).toMatch(/\(SIGBUS: a damaged page of a database/);
    expect(events.at(-1)).toContain('clickday verify');
  });

  test('a refused configuration is not tried again', async () => {
    const { supervisor, starts } = tell(['refuse']);
    expect(await supervisor.ended).toBe(2);
    expect(starts()).toHaveLength(1);
  });

  test('an engine that does not stop when asked is killed in the end', async () => {
    const { supervisor, events, whenReady } = tell(['stubborn'], 50);
    await whenReady(1);
    expect(await supervisor.stop()).toBe(1);
    expect(events).toEqual([expect.stringContaining('did not stop')]);
  });

  test.each([
    ['break', 'exit code 70'],
    ['be killed', 'SIGKILL'],
  ])(
    'fault 22: an engine that was asked to stop and died of something else did not stop in order: %s',
    async (deed, reason) => {
      const { supervisor, starts, events, whenReady } = tell([deed]);
      await whenReady(1);
      expect(await supervisor.stop()).toBe(1);
      expect(events).toEqual([expect.stringContaining(`the engine died (${reason}) when it was asked to stop`)]);
      expect(starts()).toHaveLength(1);
    },
  );

  test('fault 22: one that has answered everybody may leave its rows to the next start', async () => {
    const { supervisor, events, whenReady } = tell(['leave rows']);
    await whenReady(1);
    expect(await supervisor.stop()).toBe(0);
    expect(events).toEqual([]);
  });

  test('one that recovers has nobody to answer, and may be ended there', async () => {
    const { supervisor, starts, events } = tell(['recover']);
    while (starts().length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await supervisor.stop()).toBe(0);
    expect(events).toEqual([]);
  });

  test('a stop between two starts ends it at once', async () => {
    const { supervisor, starts, events } = tell(['die', 'live']);
    while (events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await supervisor.stop()).toBe(0);
    expect(starts().length).toBeLessThanOrEqual(2);
    for (const pid of starts()) expect(() => process.kill(pid, 0)).toThrow();
  });
});
