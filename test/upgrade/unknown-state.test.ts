// Method: in the stored row of an actor the number of a state is replaced by one that no version knows, with a checksum
// that fits. Such a row must be refused by name, whichever state it was; others go on, and nothing is set to anew.
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Card, emptyCard } from '../../engine/card/card.ts';
import { makeTaxCode, openEngine, partitionOf } from '../../engine/index.ts';
import type { RowChange, RowTable } from '../../engine/ports.ts';
import { emptyWallet, type Operation, type Wallet, type WalletMethod } from '../../engine/wallet/wallet.ts';
import { ByteWriter } from '../../snapshots/codec/bytes.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { openRow, rowKey, sealRow } from '../../snapshots/row-format.ts';
import { Random, seed } from '../support/random.ts';
import { Samples } from '../support/samples.ts';
import { openOnDisk } from '../support/shards.ts';
import { hpan, instant, value } from '../support/world.ts';

const CITIZEN = 'c1'.repeat(16);
const UNKNOWN = 63;
/** As the codec writes it. */
const UNKNOWN_BYTE = 2 * UNKNOWN;
const samples = new Samples(new Random(seed));

interface Field {
  readonly table: RowTable;
  readonly names: readonly string[];
  readonly row: (name: string) => unknown;
}

const method = { hpan: hpan(1), details: null, activationMs: 1, deactivationMs: null, channel: '' };
const operation = samples.operation();
const entry = samples.entry();
const command = { commandKey: 'k', bodyHash: '00', answer: {}, sequence: 1 };
const wallet = (part: object): Wallet => ({ ...emptyWallet(CITIZEN), ...part });

const FIELDS: Readonly<Record<string, Field>> = {
  'status of a wallet': {
    table: 'wallet',
    names: ['none', 'enabled', 'disabled'] satisfies Wallet['status'][],
    row: (status) => wallet({ status }),
  },
  'opt-in of a wallet': {
    table: 'wallet',
    names: ['NOREQ', 'ACCEPTED', 'DENIED'] satisfies Wallet['optInStatus'][],
    row: (optInStatus) => wallet({ optInStatus }),
  },
  'cashback of a method': {
    table: 'wallet',
    names: ['off', 'enabling', 'enabled', 'disabling'] satisfies WalletMethod['cashback'][],
    row: (cashback) => wallet({ methods: [{ ...method, cashback }] }),
  },
  'kind of an operation': {
    table: 'wallet',
    names: ['enableCashback', 'enableAll', 'disableCashback', 'removeMethod', 'leave'] satisfies Operation['kind'][],
    row: (kind) => wallet({ operations: [{ ...operation, kind }] }),
  },
  'check of an IBAN': {
    table: 'wallet',
    names: ['OK', 'KO', 'UNKNOWN_PSP'],
    row: (checkStatus) => wallet({ payoff: { checkStatus, sealed: new Uint8Array(3) } }),
  },
  'kind of a command that is done': {
    table: 'command',
    names: ['enrol', 'leave', 'setIban', 'addMethod', 'removeMethod', 'enableCashback', 'disableCashback', 'enableAll'],
    row: (kind) => ({ commands: [{ ...command, command: kind }] }),
  },
  'status of a card': {
    table: 'card',
    names: ['absent', 'inactive', 'active', 'provisional'] satisfies Card['status'][],
    row: (status) => ({ ...emptyCard(hpan(1)), status }),
  },
  'state of a record': {
    table: 'record',
    names: ['asked', 'counted', 'pending', 'applied', 'parked', 'expired', 'forgotten', 'discarded'],
    row: (state) => [{ ...entry, state }],
  },
};

const STATES = Object.entries(FIELDS).flatMap(([what, { names }]) => names.map((name) => [what, name] as const));

function sealed({ table, row }: Field, key: Buffer, name: string): Buffer {
  const address = { table, partition: 1, entity: CITIZEN, sub: '' };
  return Buffer.from(sealRow(new ByteWriter(), key, { address, sequence: 7, value: row(name) } as RowChange));
}

/** Puts the unknown number where two rows differ that say two names. */
function renamed(field: Field, key: Buffer, name: string): Buffer {
  const bytes = sealed(field, key, name);
  const other = sealed(field, key, field.names.find((one) => one !== name)!);
  const at = bytes.findIndex((byte, index) => index >= BODY_AT && byte !== other[index]);
  bytes[at] = UNKNOWN_BYTE;
  return resealed(key, bytes);
}

const BODY_AT = 5;

function resealed(key: Buffer, bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(BODY_AT), crc32(bytes.subarray(0, 1), crc32(key))), 1);
  return bytes;
}

test.each(STATES)('fault 72: an unknown %s, in place of %s, is refused by name', (what, name) => {
  const field = FIELDS[what]!;
  const key = rowKey(field.table, 1, CITIZEN, '');
  expect(openRow(field.table, key, sealed(field, key, name)).value, 'a known one is read').toEqual(field.row(name));
  const named = `row ${field.table} ${CITIZEN.slice(0, 12)} of partition 1 cannot be read: unknown name: ${UNKNOWN}`;
  expect(() => openRow(field.table, key, renamed(field, key, name))).toThrow(
    expect.objectContaining({ code: 'ROW_DAMAGED', message: expect.stringContaining(named) }),
  );
});

test('fault 72: whoever has an unknown state is not served and not begun anew, and others are', async () => {
  const { world, disk } = await openOnDisk();
  const [anna, bruno] = [world.citizen(makeTaxCode(1)), world.citizen(makeTaxCode(2))];
  for (const [number, citizen] of [anna, bruno].entries()) {
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  const wallet = await anna.wallet();
  await world.engine.close();

  const partition = partitionOf(bruno.key);
  const key = rowKey('wallet', partition, bruno.key, '');
  const { rows } = disk.folder!.stores[0]!;
  const known = rows.get(key.toString('latin1'))!;
  const bytes = Buffer.from(known);
  // Behind the sequence and the key of the citizen.
  const statusAt = known.indexOf(Buffer.from(bruno.key, 'hex')) + bruno.key.length / 2;
  expect(bytes[statusAt]).toBe(2 * ['none', 'enabled', 'disabled'].indexOf('enabled'));
  bytes[statusAt] = UNKNOWN_BYTE;
  rows.set(key.toString('latin1'), resealed(key, bytes));

  const refused = { code: 'ROW_DAMAGED', message: expect.stringContaining(`row wallet ${bruno.key.slice(0, 12)}`) };
  const thrown: unknown[] = [];
  const persistence = await openMemoryPersistence({ disk });
  const engine = await openEngine({
    stores: persistence.stores,
    rankingCopies: persistence,
    clock: { nowMs: () => instant('2020-12-08T10:00:00+01:00') },
    schedule: setImmediate,
    failed: (error) => thrown.push(error),
  });
  await expect(engine.wallet(bruno.key)).rejects.toMatchObject(refused);
  expect(value(await engine.wallet(anna.key))).toMatchObject({ methods: wallet.methods });
  const { taxCode, key: citizen, origin } = bruno;
  const command = { citizen, taxCode, origin, id: 'e'.repeat(32), body: { kind: 'enrol' } } as const;
  const reply = await new Promise((resolve) => engine.execute(command, resolve));
  expect(reply).toEqual({ ok: false, code: 'INTERNAL_ERROR' });
  expect(thrown).toEqual([]);
  expect(rows.get(key.toString('latin1'))).toEqual(bytes);
});
