// Method: one command is planted with a crash of each kind, in real engine processes whose clients resend it after every
// restart, as the SDK does. It must be set aside after two deaths, everybody else's commands be done, and an operator
// be able to see it and let it go; who is to blame is also judged on its own, death by death.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { release, verifyFolder } from '../../snapshots/index.ts';
import { blameAfter, blameText, canBeLeftOut, NOBODY, namesIn, parseBlame } from '../../snapshots/quarantine.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan } from '../support/world.ts';

const NOW = '2021-03-01T09:00:00Z';
const POISON = 'dead'.padStart(32, '0');

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-poison-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

test('fault 18: a command that ends the process, by a mistake or as native code does, is set aside after two deaths', async () => {
  const [throwing, aborting] = [POISON, POISON.replace('dead', 'deaf')].map((id) => `deciding@${id}:1`);
  const killAt = [`${throwing}:throw`, `${throwing}:throw`, `${aborting}:abort`, `${aborting}:abort`, ''];
  const folder = join(place, 'poisoned');
  const supervised = await Supervised.start({ folder, now: NOW, shards: 2, killAt, deathCountMax: 3 });
  const citizens = await Promise.all(CROWD.map((number) => supervised.client('citizen', makeTaxCode(number))));
  const poisoner = citizens[0]!;
  await Promise.all(citizens.map((citizen) => citizen.change('enrol', {})));
  let card = 0;
  for (const [id, signal] of [
    [POISON, 'SIGKILL'],
    [POISON.replace('dead', 'deaf'), 'SIGABRT'],
  ] as const) {
    const poisoned = poisoner.change('enableCashback', { hpan: hpan(9_999) }, id);
    const asked = citizens.flatMap((citizen) =>
      [1, 2].map(() => {
        card += 1;
        return citizen.change('enableCashback', { hpan: hpan(card) });
      }),
    );
    expect(await poisoned).toMatchObject({ ok: false, code: 'COMMAND_SET_ASIDE', messageIt: expect.any(String) });
    for (const reply of await Promise.all(asked)) expect(reply).toMatchObject({ ok: true });
    expect(supervised.events.filter((event) => event.includes(`the engine died (${signal})`))).toHaveLength(2);
    expect(supervised.events.at(-1)).toMatch(new RegExp(`^set aside.*command \\w+ ${id}`));
  }

  // Refused from then on, and what it asks is nobody's poison under another id; until an operator lets it go.
  expect(await poisoner.change('leave', {}, POISON)).toMatchObject({ ok: false, code: 'COMMAND_SET_ASIDE' });
  expect(await poisoner.change('enableCashback', { hpan: hpan(9_998) })).toMatchObject({ ok: true });
  expect(await setAside(supervised)).toEqual([expect.stringContaining(POISON), expect.stringMatching(/0deaf$/)]);
  expect(release(folder, (name) => name.endsWith(POISON))).toHaveLength(1);
  expect(await setAside(supervised)).toEqual([expect.stringMatching(/0deaf$/)]);
  expect(await poisoner.change('enableCashback', { hpan: hpan(9_999) }, POISON)).toMatchObject({ ok: true });
  for (const citizen of citizens) citizen.close();
  expect(await supervised.stop()).toBe(0);
  expect((await verifyFolder(folder)).differences).toEqual([]);
});

/** As an operator is told. */
async function setAside(supervised: Supervised): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${await supervised.token('operator', 'anna')}` };
  const told = await (await fetch(`${supervised.url}/admin/set-aside`, { headers })).json();
  return (told as { readonly setAside: readonly { readonly name: string }[] }).setAside.map(({ name }) => name);
}

const CROWD = Array.from({ length: 12 }, (_, number) => number);

describe('who is to blame', () => {
  const at = '2021-03-01T09:00:00Z';
  const blameOf = (...deaths: readonly (readonly string[])[]) =>
    deaths.reduce((blame, named) => blameAfter(blame, named, at), NOBODY);
  const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);

  test('fault 18: nobody, when nothing was being decided', () => {
    expect(blameOf([], [])).toEqual(NOBODY);
  });

  test('fault 18: one that was decided alone at a second death, and nobody beside it', () => {
    const blame = blameOf(['command a 1', 'command b 2', 'message 1 2 3'], ['command b 2']);
    expect(names(blame.setAside)).toEqual(['command b 2']);
    expect(names(blame.suspects)).toEqual(['command a 1', 'message 1 2 3']);
  });

  test('fault 18: none of those that die in company again and again: they are decided alone first', () => {
    const together = ['command a 1', 'command b 2'];
    expect(blameOf(together, together, together).setAside).toEqual([]);
  });

  test('fault 18: what cannot be refused only after more deaths than chance explains', () => {
    expect(blameOf(['message 1 2 3'], ['message 1 2 3'], ['message 1 2 3']).setAside).toEqual([]);
    const blame = blameOf(...new Array(4).fill(['message 1 2 3']));
    expect(names(blame.setAside)).toEqual(['message 1 2 3']);
  });

  test('fault 18: whatever a shard decides is named, and but for what all depends on others go on without it', () => {
    const leftOut = ['command a 1', 'record b 2', 'resolution b 2', 'par b', 'payouts 3', 'notices 3', 'rechecks 3'];
    leftOut.push('exclusions 3', 'files 0');
    const needed = ['message 1 2 3', 'system 3', 'expiry 3'];
    const names = [...leftOut, ...needed];
    expect(namesIn(Buffer.from(`${names.join('\n')}\n\0`))).toEqual(names);
    expect(names.filter(canBeLeftOut)).toEqual(leftOut);
    expect(names.filter((name) => blameOf([name], [name]).setAside.length > 0)).toEqual(leftOut.slice(0, 4));
    for (const name of names) expect(blameOf(...new Array(4).fill([name])).setAside[0]).toMatchObject({ name });
  });

  test('a note that a death cut short, or that was never ended, names what can be read of it', () => {
    const note = (text: string) => namesIn(Buffer.from(text));
    expect(note('command a 1\nmessage 1 2 3\n\0command old 9\n')).toEqual(['command a 1', 'message 1 2 3']);
    expect(note('\0command a 1\n\0')).toEqual([]);
    expect(note('command a 1\ncomm')).toEqual(['command a 1']);
    expect(note('')).toEqual([]);
  });

  test('what is kept of it reads as it was written, and anything else is no file of ours', () => {
    const blame = blameOf(['command a 1', 'record b 2'], ['command a 1']);
    expect(parseBlame(blameText(blame))).toEqual(blame);
    for (const text of ['', '{', '{}', '[]', 'null'])
      expect(() => parseBlame(text)).toThrow(/set-aside.json is damaged/);
  });
});
