/**
 * What a command costs a wallet, against the least that XState can do: an `actor.send` that flips a trivial machine
 * between two states. First the decision alone, for each kind of command: a fresh Decision, the facts made. Then
 * commands as in a turn, arithmetic and packing included: decided, folded, sealed into one record of the journal.
 */
import { Bench } from 'tinybench';
import { createActor, createMachine } from 'xstate';
import { newDecision } from '../engine/decision.ts';
import type { Fact, WalletFact } from '../engine/facts.ts';
import { italy2020, makeTaxCode } from '../engine/index.ts';
import { draftOfWallet, emptyWallet, type Wallet } from '../engine/wallet/wallet.ts';
import type { WalletEvent } from '../engine/wallet/wallet-events.ts';
import { applyWalletFact } from '../engine/wallet/wallet-facts.ts';
import { decideWallet } from '../engine/wallet/wallet-machine.ts';
import { ByteWriter } from '../snapshots/codec/bytes.ts';
import { sealRecord } from '../snapshots/record.ts';
import type { Measurement, SuiteResult } from './suite.ts';

const NOW_MS = Date.parse('2021-01-10T12:00:00Z');
const HPAN = 'ab'.repeat(32);
const ASKED = { commandKey: 'citizen 0123', bodyHash: '00', channel: 'app-io-channel' } as const;
const SEALED = new Uint8Array(64);
const PERIOD = italy2020().periods[1]!;
const BARE = 'bare actor.send';
const COMMAND = 'a command, decided, folded and packed';
const TIMES = 100;
const MEASURE_MS = Number(process.env.SECONDS ?? 1) * 1_000;

export async function run(): Promise<SuiteResult> {
  const bench = new Bench({ time: MEASURE_MS, warmupTime: 0.3 * MEASURE_MS });
  const toggle = createActor(
    createMachine({ initial: 'off', states: { off: { on: { FLIP: 'on' } }, on: { on: { FLIP: 'off' } } } }),
  ).start();
  bench.add(
    BARE,
    times(() => toggle.send({ type: 'FLIP' })),
  );
  const wallet = enrolledWallet();
  for (const [name, event] of Object.entries(EVENTS))
    bench.add(
      name,
      times(() => decide(wallet, event)),
    );
  bench.add(COMMAND, turnOf(wallet));
  await bench.run();

  const results = bench.tasks.map(({ name, result }): Measurement => {
    if (result === undefined || !('latency' in result)) throw new Error(`${name} was not measured`);
    const us = (ms: number) => (ms * 1_000) / TIMES;
    const { p50, p99 } = result.latency;
    // The median: a mean would mostly say how often somebody else had the processor.
    return { name, unit: 'us', value: us(p50), p50: us(p50), p99: us(p99) };
  });
  const bare = results.find(({ name }) => name === BARE)!;
  const ratios = results
    .filter(({ name }) => name !== BARE)
    .map(({ name, value }) => {
      const ratio = name === COMMAND ? 'actor-send' : `${name} to bare`;
      return { name: ratio, value: value / bare.value, of: name, to: BARE };
    });
  return { results, ratios };
}

const EVENTS: Readonly<Record<string, WalletEvent>> = {
  'set IBAN': {
    type: 'SET_IBAN',
    asked: { ...ASKED, kind: 'setIban' },
    isIbanValid: true,
    checkStatus: 'OK',
    seal: () => SEALED,
  },
  'enable a card': {
    type: 'ENABLE',
    asked: { ...ASKED, kind: 'enableCashback' },
    body: { kind: 'enableCashback', hpan: HPAN },
  },
  'count a payment': {
    type: 'COUNT',
    place: 1,
    period: PERIOD,
    record: {
      ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: HPAN, trxMs: NOW_MS - 1_000 },
      ...{ idTrxAcquirer: 'A1', idTrxIssuer: '', correlationId: '', amountCents: 4_500, acquirerId: '09509' },
      ...{ merchantId: 'M1', terminalId: 'T1' },
    },
  },
  'refuse (unknown method)': {
    type: 'REMOVE_METHOD',
    asked: { ...ASKED, kind: 'removeMethod' },
    body: { kind: 'removeMethod', hpan: HPAN },
  },
};

/** One reading of the clock costs as much as a trivial step: it is shared by many. */
function times(act: () => void): () => void {
  return () => {
    for (let time = 0; time < TIMES; time += 1) act();
  };
}

function decide(wallet: Wallet, event: WalletEvent): readonly Fact[] {
  const decision = newDecision();
  decideWallet({ wallet, nowMs: NOW_MS, decision, newPlace: () => 1 }, event);
  return decision.facts;
}

/** `TIMES` commands of all kinds by turns, each of a wallet as it was, and one record for all their facts. */
function turnOf(wallet: Wallet): () => void {
  const events = Object.values(EVENTS);
  const writer = new ByteWriter();
  const previousHash = new Uint8Array(32);
  return () => {
    const facts: Fact[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      const after = draftOfWallet(wallet);
      for (const fact of decide(wallet, events[time % events.length]!)) {
        // A wallet decides about nobody else.
        applyWalletFact(after, fact as WalletFact, 2);
        facts.push(fact);
      }
    }
    const section = { partition: 0, sequence: 2, facts, sent: [], within: [], received: [] };
    sealRecord(writer, { epoch: 1, sequence: 2, nowMs: NOW_MS, sections: [section] }, previousHash);
  };
}

function enrolledWallet(): Wallet {
  const citizen = '0'.repeat(32);
  const sealedTaxCode = new TextEncoder().encode(makeTaxCode(1));
  const terms = { enrolment: 1, termsMs: NOW_MS - 86_400_000, optInStatus: 'NOREQ' } as const;
  const wallet = emptyWallet(citizen);
  applyWalletFact(wallet, { kind: 'enrolled', citizen, ...terms, slot: 0, sealedTaxCode }, 1);
  return wallet;
}
