// Method: a small history written by hand is verified whole, then with one fact, one row or one rank damaged;
// each damage must be named, in a sentence that says whom it concerns, what was expected and what was found.
import { describe, expect, test } from 'vitest';
import type { Fact, Standing, TurnRecord } from '../../engine/facts.ts';
import type { RowChange, RowTable } from '../../engine/ports.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { type HeldRanking, type Inspection, verifyPersistence, verifyStores } from '../../snapshots/inspect.ts';
import { ANNA, ANNAS_CARD, BRUNO, type Damage, PROGRAMME, tellStory } from './story.ts';

const STANDING: Standing = {
  count: 1,
  lastTrxMs: Date.parse('2021-01-10T12:00:00Z'),
  termsMs: Date.parse('2021-01-04T09:00:00Z'),
};

/** In one pass over the journal, and in one for every two partitions: both must say the same. */
async function inspect(damage: Damage = {}, rankings: readonly HeldRanking[] = []): Promise<Inspection> {
  const { stores } = await tellStory(damage);
  const inspection = await verifyStores(stores, PROGRAMME, rankings);
  expect(await verifyStores(stores, PROGRAMME, rankings, { memoryBytes: 600_000 })).toEqual(inspection);
  return inspection;
}

/** Replaces the facts of one kind; null drops them. */
function changeFacts<K extends Fact['kind']>(
  kind: K,
  change: (fact: Extract<Fact, { kind: K }>) => Fact | null,
): (turns: TurnRecord[]) => void {
  return (turns) => {
    for (const [index, turn] of turns.entries()) {
      const sections = turn.sections.map((section) => ({
        ...section,
        facts: section.facts.flatMap((fact) =>
          fact.kind === kind ? (change(fact as Extract<Fact, { kind: K }>) ?? []) : fact,
        ),
      }));
      turns[index] = { ...turn, sections };
    }
  };
}

function changeRow<T extends RowTable>(
  table: T,
  entity: string,
  change: (value: NonNullable<Extract<RowChange, { address: { table: T } }>['value']>) => unknown,
): (rows: RowChange[]) => void {
  return (rows) => {
    const index = rows.findIndex(({ address }) => address.table === table && address.entity === entity);
    const row = rows[index]!;
    rows[index] = { ...row, value: change(row.value as never) } as RowChange;
  };
}

function heldRanking(...citizens: readonly string[]): HeldRanking {
  const participants = citizens.map((citizen) => ({ citizen, standing: STANDING }));
  return { awardPeriodId: 2, vector: null, participants };
}

describe('a sound history', () => {
  test('has no difference, and says what was checked', async () => {
    const inspection = await inspect({}, [heldRanking(ANNA.key, BRUNO.key)]);
    expect(inspection.differences).toEqual([]);
    expect(inspection.ok).toBe(true);
    expect(inspection.checked).toMatchObject({ citizens: 3, cards: 5, payments: 2, reversals: 1, rankings: 1 });
    expect(inspection.checked.messages).toBe(27);
    expect(inspection.checked.rows).toBeGreaterThan(20);
  });

  test('has none either wherever the last checkpoint fell', async () => {
    const { checked } = await inspect();
    for (let checkpointAt = 0; checkpointAt <= checked.records; checkpointAt += 1) {
      expect(await inspect({ checkpointAt }), `checkpoint at ${checkpointAt}`).toMatchObject({ differences: [] });
    }
  });

  test('has none wherever the journal ends: what is under way explains itself', async () => {
    const { checked } = await inspect();
    for (let length = 1; length <= checked.records; length += 1) {
      const inspection = await inspect({ turns: (turns) => turns.splice(length) });
      expect(inspection, `journal of ${length}`).toMatchObject({ differences: [] });
    }
  });

  test('names its own programme', async () => {
    expect(await verifyPersistence(await tellStory())).toMatchObject({ ok: true, differences: [] });
  });
});

describe('a damaged row is named:', () => {
  test('a flipped total', async () => {
    const rows = changeRow('wallet', ANNA.key, (wallet) => ({
      ...wallet,
      totals: wallet.totals.map((totals) => ({ ...totals, rawCents: totals.rawCents + 1 })),
    }));
    expect((await inspect({ rows })).differences).toEqual([
      'wallet row ffffffffffff at 5 .totals .0 .rawCents: expected 600, found 601',
    ]);
  });

  test('another owner in a card', async () => {
    const rows = changeRow('card', ANNAS_CARD, (card) => ({
      ...card,
      history: card.history.map((row) => ({ ...row, citizen: BRUNO.key })),
    }));
    const { differences } = await inspect({ rows });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatch(
      /^card row aaaaaaaaaaaa at \d+ \.history \.0 \.citizen: expected "ffff.*found "0000/,
    );
  });

  test.each(['wallet', 'payment', 'command', 'card', 'record'] as const)('a %s row that is missing', async (table) => {
    const rows = (changes: RowChange[]) => {
      changes.splice(
        changes.findIndex(({ address }) => address.table === table),
        1,
      );
    };
    const { differences } = await inspect({ rows });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatch(new RegExp(`^${table} row .*: missing, although the checkpoint covers`));
  });

  test.each([
    ['payment', 'idTrxIssuer'],
    ['record', 'latestMs'],
    ['record', 'flagged'],
  ] as const)('one line of a %s page, by its %s', async (table, field) => {
    const rows = (changes: RowChange[]) => {
      const index = changes.findIndex(({ address }) => address.table === table);
      const found = changes[index] as Extract<RowChange, { address: { table: typeof table } }>;
      const [line] = found.value!;
      const other = field === 'idTrxIssuer' ? 'X' : field === 'flagged' ? true : 7;
      changes[index] = { ...found, value: [{ ...line!, [field]: other }] } as RowChange;
    };
    expect((await inspect({ rows })).differences).toEqual([
      expect.stringMatching(new RegExp(`^${table} row of partition .* at \\d+ \\.0 \\.${field}: expected .*, found`)),
    ]);
  });

  test.each([0, 2])('a page with %i lines in place of one', async (lineCount) => {
    const rows = (changes: RowChange[]) => {
      const index = changes.findIndex(({ address }) => address.table === 'payment');
      const found = changes[index] as Extract<RowChange, { address: { table: 'payment' } }>;
      changes[index] = { ...found, value: new Array(lineCount).fill(found.value![0]) };
    };
    expect((await inspect({ rows })).differences).toEqual([
      expect.stringMatching(lineCount === 0 ? /found nothing$/ : /\.1: expected nothing, found/),
    ]);
  });

  test('a row that is older than a fact which the checkpoint covers', async () => {
    const rows = (changes: RowChange[]) => {
      const index = changes.findIndex(({ address }) => address.table === 'card' && address.entity === ANNAS_CARD);
      changes[index] = { ...changes[index]!, sequence: 1 };
    };
    expect((await inspect({ rows })).differences).toContainEqual(
      expect.stringMatching(/^card row a{12}: is of sequence 1, the checkpoint covers its fact of \d+$/),
    );
  });

  test('a row that is in a store which does not serve its partition', async () => {
    const [own, other] = [await tellStory(), await openMemoryPersistence()];
    const { stores } = { stores: [own.stores[0]!, other.stores[0]!] };
    const address = { table: 'wallet', partition: 63, entity: ANNA.key, sub: '' } as const;
    const row = stores[0]!.rows.get('wallet', 63, ANNA.key, '')!;
    await stores[1]!.rows.write([{ address, ...row }]);
    expect((await verifyStores(stores, PROGRAMME)).differences).toEqual([
      'wallet row ffffffffffff: no fact made this row',
    ]);
  });

  test('a row that no fact made', async () => {
    const rows = (changes: RowChange[]) => {
      const found = changes.find(({ address }) => address.table === 'payment')!;
      changes.push({
        ...found,
        address: { ...found.address, entity: `${found.address.entity.slice(0, -1)}1` },
      } as never);
    };
    expect((await inspect({ rows })).differences[0]).toMatch(/^payment row .*: no fact made this row$/);
  });

  test('a row that claims to know more than the journal', async () => {
    const rows = (changes: RowChange[]) => {
      const index = changes.findIndex(({ address }) => address.table === 'wallet');
      changes[index] = { ...changes[index]!, sequence: 99 };
    };
    expect((await inspect({ rows })).differences[0]).toMatch(/claims sequence 99, its last fact is of/);
  });

  test('an outbox that lost a message nobody has taken in', async () => {
    const turns = (all: TurnRecord[]) => all.splice(6);
    const rows = (changes: RowChange[]) => {
      for (const [index, change] of changes.entries()) {
        if (change.address.table === 'outbox')
          changes[index] = { ...change, value: { ...change.value, messages: [] } } as never;
      }
    };
    expect((await inspect({ turns, rows })).differences.join('\n')).toMatch(
      /^outbox, messages of partition .* found nothing$/m,
    );
  });
});

describe('a damaged history is named:', () => {
  test('a fact that is gone', async () => {
    const turns = changeFacts('paymentListed', (fact) => (fact.payment.insertion === 1 ? null : fact));
    const { differences } = await inspect({ turns });
    expect(differences.join('\n')).toMatch(
      /card aaaaaaaaaaaa, record .*: applied, but citizen ffffffffffff does not list it/,
    );
  });

  test('a payment counted twice, in totals that add up', async () => {
    const turns = (all: TurnRecord[]) => {
      const index = all.findIndex(({ sections }) => sections[0]?.facts[0]?.kind === 'paymentListed');
      const section = all[index]!.sections[0]!;
      const fact = section.facts[0] as Extract<Fact, { kind: 'paymentListed' }>;
      const { place } = fact.payment;
      const again = {
        ...fact,
        payment: { ...fact.payment, insertion: 1, place: place + 1, previous: place },
        rawCents: fact.rawCents * 2,
        before: fact.after,
        after: { ...fact.after, count: 2 },
      };
      all[index] = { ...all[index]!, sections: [{ ...section, facts: [fact, again] }] };
    };
    const { differences } = await inspect({ turns });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatch(/^citizen 0{12}: lists payment .* lists already: counted twice$/);
  });

  test.each([
    ['circuitType', '02'],
    ['idTrxIssuer', 'X'],
    ['acquirerId', 'X'],
    ['trxMs', STANDING.lastTrxMs + 1],
    ['amountCents', 7],
    ['cashbackCents', 7],
    ['countDelta', 0],
    ['enrolment', 2],
    ['awardPeriodId', 1],
    ['hpan', '9'.repeat(64)],
  ] as const)('a payment whose %s its card tells otherwise', async (field, value) => {
    const turns = changeFacts('paymentListed', (fact) => ({ ...fact, payment: { ...fact.payment, [field]: value } }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /^card a{12}, record .*(, as citizen f{12} lists it|does not list it$)/m,
    );
  });

  test('a page with a gap', async () => {
    const turns = changeFacts('paymentListed', (fact) => ({
      ...fact,
      payment: { ...fact.payment, place: fact.payment.place + 1 },
    }));
    // The engine would make no such row.
    expect((await inspect({ turns, checkpointAt: 0 })).differences).toContainEqual(
      expect.stringMatching(/^payment of partition 0 at \d+: leaves a gap in its page, at 1$/),
    );
  });

  test('one payment under two keys', async () => {
    const turns = (all: TurnRecord[]) => {
      const index = all.findIndex(({ sections }) => sections[0]?.facts[0]?.kind === 'recordSet');
      const section = all[index]!.sections[0]!;
      const fact = section.facts[0] as Extract<Fact, { kind: 'recordSet' }>;
      const { place } = fact.entry;
      const other = { ...fact.entry, key: 'other', arrival: 1, place: place + 1, previous: place };
      const twin = { ...fact, unanswered: 2, arrivals: 2, entry: other };
      all[index] = { ...all[index]!, sections: [{ ...section, facts: [fact, twin] }] };
    };
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/record other: the same payment as record/);
  });

  test('two owners of one card', async () => {
    const turns = changeFacts('cardDeactivated', () => null);
    const { differences } = await inspect({ turns });
    expect(differences.join('\n')).toMatch(
      /card 444444444444 at \d+:\d+: has two owners, 000000000000 since .* and 888888888888 since/,
    );
  });

  test('an activation that reaches back into the time of another owner', async () => {
    const turns = changeFacts('cardActivated', (fact) => ({ ...fact, activationMs: fact.activationMs - 5 }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/activated at \d+, before its deactivation/);
  });

  test('an activation of two cards that one of them never hears of', async () => {
    expect((await inspect({ turns: changeFacts('claimConfirmed', () => null) })).differences).toEqual([
      expect.stringMatching(/^card 5{12}, active for 0{12} since \d+: undecided, but the owner's wallet waits for no/),
    ]);
  });

  test('a claim that is still there after it was taken back', async () => {
    const { differences } = await inspect({ turns: changeFacts('claimWithdrawn', () => null) });
    expect(differences.join('\n')).toMatch(/^card 7{12}, active for 0{12} since \d+: undecided, but the owner/m);
  });

  test('a claim taken back to another state than it was made from', async () => {
    const turns = changeFacts('claimWithdrawn', (fact) => ({ ...fact, status: 'inactive' }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /^card 7{12} at \d+:\d+: status after a claim: expected "absent", found "inactive"$/m,
    );
  });

  test('a claim decided twice, and one that never was undecided', async () => {
    const confirmed = changeFacts('cardClaimed', (fact) => ({ ...fact, kind: 'cardActivated' }));
    expect((await inspect({ turns: confirmed })).differences).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^card 5{12} at \d+:\d+: claimConfirmed, but no claim of it is undecided$/),
        expect.stringMatching(/^card 7{12} at \d+:\d+: claimWithdrawn, but no claim of it is undecided$/),
      ]),
    );
  });

  test('a payment taken while nobody knows whose the card is', async () => {
    const turns = changeFacts('cardActivated', (fact) => ({ ...fact, kind: 'cardClaimed' }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /^card a{12} at \d+:\d+, record .*: taken while it is undecided whose the card is$/m,
    );
  });

  test('a score that the law does not give', async () => {
    const turns = changeFacts('recordSet', (fact) => ({
      ...fact,
      entry: fact.entry.state === 'applied' ? { ...fact.entry, scoreCents: -399 } : fact.entry,
    }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /score of 4000 of 10000: expected -400, found -399/,
    );
  });

  test('a total carried by a fact that its lines do not add up to', async () => {
    const turns = changeFacts('paymentListed', (fact) => ({ ...fact, rawCents: fact.rawCents + 1 }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/period 2: raw cents: expected 300, found 301/);
  });

  test('a reversal parked although one payment matches it', async () => {
    const turns = changeFacts('recordSet', (fact) =>
      fact.entry.state === 'applied'
        ? { ...fact, entry: { ...fact.entry, state: 'parked', code: 'REVERSAL_EXCEEDS' } }
        : fact,
    );
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /card a{12}, reversal .*, judged again in order of arrival .state: expected "applied", found "parked"/,
    );
  });

  test('a month that the law does not give a reversal', async () => {
    const turns = changeFacts('recordSet', (fact) => ({
      ...fact,
      entry: { ...fact.entry, expiresMs: fact.entry.expiresMs + 1 },
    }));
    const { differences } = await inspect({ turns });
    expect(differences.join('\n')).toMatch(/^card a{12} at \d+:\d+, record .*: expiry: expected 16\d+, found 16\d+1$/m);
    expect(differences.join('\n')).toMatch(/^card 4{12} at \d+:\d+, record .*: expiry: expected 0, found 1$/m);
  });

  test('a payment before the terms', async () => {
    const lateMs = Date.parse('2021-01-10T12:00:00Z');
    const turns = changeFacts('enrolled', (fact) => ({ ...fact, termsMs: lateMs }));
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /counted although it is of \d+, terms are of \d+/,
    );
  });

  test('a payment on a day that no activation covers', async () => {
    const turns = changeFacts('recordSet', (fact) => {
      const record = { ...fact.entry.record, trxMs: Date.parse('2021-01-04T12:00:00Z') };
      return { ...fact, entry: { ...fact.entry, record } };
    });
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/no activation covers its day/);
  });

  test('a command done twice', async () => {
    const turns = changeFacts('commandDone', (fact) => ({ ...fact, commandKey: 'same' }));
    expect((await inspect({ turns })).differences).toContainEqual(
      expect.stringMatching(/^citizen f{12} at 63:\d+: command same is done a second time$/),
    );
  });

  test('a message taken in twice', async () => {
    const turns = (all: TurnRecord[]) => {
      const taken = all.flatMap(({ sections }, index) => ((sections[0]?.received.length ?? 0) > 0 ? [index] : []));
      const [first, later] = [
        all[taken[0]!]!,
        all.findLastIndex((turn) => turn.sections[0]!.partition === all[taken[0]!]!.sections[0]!.partition),
      ];
      const section = all[later]!.sections[0]!;
      all[later] = { ...all[later]!, sections: [{ ...section, received: first.sections[0]!.received }] };
    };
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/takes in message 1 of \d+ again, it had/);
  });

  test('a message that was never sent', async () => {
    const turns = (all: TurnRecord[]) => {
      const section = all[0]!.sections[0]!;
      all[0] = { ...all[0]!, sections: [{ ...section, received: [[7, 3]] }] };
    };
    expect((await inspect({ turns })).differences).toContain('messages of partition 7 to 0: 3 taken in, only 0 sent');
  });

  test('a message that its own record should have taken in, and one whose number was used before', async () => {
    const turns = (all: TurnRecord[]) => {
      const first = all[0]!.sections[0]!;
      all[0] = { ...all[0]!, sections: [{ ...first, within: [[7, 3]] }] };
      const again = all[1]!.sections[0]!;
      all[1] = { ...all[1]!, sections: [{ ...again, within: [[again.partition, 0]] }] };
    };
    const differences = (await inspect({ turns })).differences.join('\n');
    expect(differences).toContain('messages of partition 0 to 7: 3 sent and taken in at once, only 0 taken in');
    expect(differences).toMatch(/^partition (\d+) at \d+: sends 0 to \1 again$/m);
  });

  test('a section that is missing', async () => {
    const turns = (all: TurnRecord[]) => {
      const index = all.findIndex(({ sections }) => sections[0]?.sequence === 2);
      all[index] = { ...all[index]!, sections: [] };
    };
    expect((await inspect({ turns })).differences.join('\n')).toMatch(
      /^partition \d+: sequence 2 is missing, found 3$/m,
    );
  });

  test('time that falls', async () => {
    const turns = (all: TurnRecord[]) => {
      const last = all.length - 1;
      all[last] = { ...all[last]!, nowMs: 1 };
    };
    expect((await inspect({ turns })).differences.join('\n')).toMatch(/time falls at sequence/);
  });
});

describe('a damaged ranking is named:', () => {
  test('two ranks swapped, though only the sealed tax codes tell', async () => {
    expect((await inspect({}, [heldRanking(BRUNO.key, ANNA.key)])).differences).toEqual([
      'ranking of period 2: rank 1: expected citizen ffffffffffff, found 000000000000',
      'ranking of period 2: rank 2: expected citizen 000000000000, found ffffffffffff',
    ]);
  });

  test('somebody missing', async () => {
    expect((await inspect({}, [heldRanking(ANNA.key)])).differences).toEqual([
      'ranking of period 2: participants: expected 2, found 1',
    ]);
  });

  test('a journaled tie against the tax codes', async () => {
    const turns = (all: TurnRecord[]) => {
      const section = all[0]!.sections[0]!;
      const tie: Fact = { kind: 'tieOrdered', first: BRUNO.key, second: ANNA.key };
      all[0] = { ...all[0]!, sections: [{ ...section, facts: [...section.facts, tie] }] };
    };
    expect((await inspect({ turns })).differences).toContain(
      'tie of 000000000000 before ffffffffffff: their tax codes say otherwise',
    );
  });

  test('one of a moment that the journal does not reach', async () => {
    const ranking = { ...heldRanking(ANNA.key, BRUNO.key), vector: new Array<number>(64).fill(99) };
    expect((await inspect({}, [ranking])).differences).toEqual([
      'ranking of period 2: is of a moment that no journal reaches',
    ]);
  });
});
