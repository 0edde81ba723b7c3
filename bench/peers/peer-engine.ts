/**
 * The engine's door over somebody else's database, for the commands of the workloads `life` and `iban`. Session, wire
 * and identity in front of it are clickday's own, so that a comparison is of what stands behind. What is asked of the
 * database is what the engine promises: durable before the reply, one effect and the same answer for each command id,
 * one owner of a card at any instant, tax code and IBAN sealed.
 *
 * Where a choice had to be made the peer has less to do: one key seals for everybody, nothing is published to
 * subscribers, no ranking is kept, a wallet's methods are not counted, the choice at enrolment is not taken, and no
 * position is kept to read at.
 */
import { randomBytes } from 'node:crypto';
import {
  type Answer,
  type Clock,
  type CommandReply,
  type Engine,
  LIMITS,
  type MethodDetails,
  type Programme,
  partitionOf,
  type RefusalName,
  type Refused,
  type WalletCommand,
} from '../../engine/index.ts';
import { checkIban } from '../../engine/programme/index.ts';
import { bodyText, commandKey } from '../../engine/shard/command-text.ts';
import { KEY_BYTES, KeyedHash, sealBytes } from '../../snapshots/keys.ts';

/** A command with everything that can be known without the database. */
export interface Change {
  readonly kind: ChangeKind;
  readonly citizen: string;
  readonly commandKey: string;
  readonly bodyHash: string;
  readonly channel: string;
  /** Empty where the command names no card. */
  readonly hpan: string;
  /** Sealed tax code or payoff in base64, details of a method as JSON; else empty. */
  readonly payload: string;
}

export type ChangeKind = 'enrol' | 'setIban' | 'addMethod' | 'removeMethod' | 'enableCashback' | 'disableCashback';

/** What became of a change. */
export type Verdict =
  | { readonly ok: true; readonly answer: Answer; readonly repeated: boolean }
  | { readonly ok: false; readonly code: RefusalName };

export interface Backend {
  /** Citizens are spread over so many lanes; one batch of a lane is on its way at a time. */
  readonly laneCount: number;
  readonly batchCountMax: number;
  /** For a new batch: says of one change after the other whether it may stand in one batch with those before it. */
  newBatch(): (change: Change) => boolean;
  /** Resolves once all of the batch is durable, with one verdict for each. */
  apply(lane: number, nowMs: number, batch: readonly Change[]): Promise<readonly Verdict[]>;
  close(): Promise<void>;
}

export interface PeerEngineOptions {
  readonly backend: Backend;
  readonly programme: Programme;
  readonly clock: Clock;
  /** The database failed: nothing may be answered any more. */
  readonly failed: (error: unknown) => void;
}

export type PeerEngine = Pick<Engine, 'programme' | 'citizenKeyOf' | 'execute' | 'onChanged' | 'close'>;

export function openPeerEngine({ backend, programme, clock, failed }: PeerEngineOptions): PeerEngine {
  const keyedHash = new KeyedHash(randomBytes(KEY_BYTES));
  const sealingKey = randomBytes(KEY_BYTES);
  const lanes = Array.from({ length: backend.laneCount }, (_, lane) => new Lane(lane, backend, clock, failed));
  const seal = (citizen: string, text: string) =>
    sealBytes(sealingKey, Buffer.from(citizen), Buffer.from(text)).toString('base64');

  return {
    programme,
    citizenKeyOf: (taxCode) => keyedHash.digest(taxCode),
    execute(command, done) {
      const change = changeOf(command, { digest: (text) => keyedHash.digest(text), seal });
      if ('code' in change) return done(change);
      const partition = partitionOf(command.citizen);
      lanes[partition % lanes.length]!.take(change, (verdict) => done(replyOf(verdict, partition)));
    },
    onChanged: () => () => {},
    close: () => backend.close(),
  };
}

interface Means {
  readonly digest: (text: string) => string;
  readonly seal: (citizen: string, text: string) => string;
}

function changeOf({ citizen, taxCode, origin, id, body }: WalletCommand, { digest, seal }: Means): Change | Refused {
  const same = {
    citizen,
    commandKey: commandKey(origin, id),
    bodyHash: digest(bodyText(body)),
    channel: origin.channel,
  };
  switch (body.kind) {
    case 'enrol':
      return { ...same, kind: body.kind, hpan: '', payload: seal(citizen, taxCode) };
    case 'setIban': {
      const iban = checkIban(body.iban);
      if (!iban.ok) return { ok: false, code: 'IBAN_INVALID' };
      const payoff = JSON.stringify({ ...body, kind: undefined, iban: iban.value });
      return { ...same, kind: body.kind, hpan: '', payload: seal(citizen, payoff) };
    }
    case 'addMethod':
      return { ...same, kind: body.kind, hpan: body.hpan, payload: detailsText(body.details) };
    case 'removeMethod':
    case 'enableCashback':
    case 'disableCashback':
      return { ...same, kind: body.kind, hpan: body.hpan, payload: '' };
    case 'leave':
    case 'setFavourite':
    case 'enableAll':
      return { ok: false, code: 'FORBIDDEN', detail: 'a peer serves only what the workloads send' };
  }
}

function detailsText(details: MethodDetails): string {
  return JSON.stringify(details);
}

/** A peer has one copy of everything, so no read can be behind: its position says nothing. */
function replyOf(verdict: Verdict, partition: number): CommandReply {
  return verdict.ok ? { ...verdict, position: { partition, sequence: 0 } } : verdict;
}

interface Waiting {
  readonly change: Change;
  readonly done: (verdict: Verdict) => void;
}

/** Batches as a good programmer would: while one is on its way the next gathers, so load makes them grow. */
class Lane {
  readonly #lane: number;
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(lane: number, backend: Backend, clock: Clock, failed: (error: unknown) => void) {
    this.#lane = lane;
    this.#backend = backend;
    this.#clock = clock;
    this.#failed = failed;
  }

  take(change: Change, done: (verdict: Verdict) => void): void {
    if (this.#waiting.length >= LIMITS.mailboxCountMax) return done({ ok: false, code: 'OVERLOADED' });
    this.#waiting.push({ change, done });
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(() => void this.#run().catch(this.#failed)); // What has already arrived comes along.
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      const changes = batch.map(({ change }) => change);
      const verdicts = await this.#backend.apply(this.#lane, this.#clock.nowMs(), changes);
      for (const [index, { done }] of batch.entries()) done(verdicts[index]!);
    }
    this.#isBusy = false;
  }

  #nextBatch(): readonly Waiting[] {
    const fits = this.#backend.newBatch();
    let count = 1;
    fits(this.#waiting[0]!.change);
    const countMax = Math.min(this.#waiting.length, this.#backend.batchCountMax);
    while (count < countMax && fits(this.#waiting[count]!.change)) count += 1;
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }
}
