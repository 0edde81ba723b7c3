/** One connection: reads frames, decides what may pass, and answers each request exactly once (promise 8). */
import {
  APP_CHANNEL,
  type CitizenKey,
  checkTaxCode,
  type Engine,
  type Origin,
  type Read,
  type RefusalName,
  unreachable,
} from '../../engine/index.ts';
import {
  CONNECTION_LIMITS,
  type ComeBack,
  type ConnectionLimits,
  type Outside,
  PUSH_UNREAD_BYTES_MAX,
  retryAtMs,
  type Stamps,
} from '../admission/index.ts';
import { hashPan } from '../identity/hpan.ts';
import type { Identity, Principal } from '../identity/identity.ts';
import { mayUse, SUBJECTS, seesCitizens } from '../identity/roles.ts';
import type { Socket } from '../transport/index.ts';
import { type Access, type Client, executeFor, type Versions } from '../versions/index.ts';
import {
  type CheckedRequest,
  type Codec,
  checkRequest,
  FAILURES,
  type MessageCode,
  type ParsedFrame,
  type RecordPaymentsRequest,
  type RefusedReply,
  type RequestOf,
  type RequestType,
  type Topic,
  type TopicPush,
} from '../wire/index.ts';
import { type ChangeRequest, changeBody } from './changes.ts';
import { recordRows } from './payment-rows.ts';
import type { Pushes, Subscriber } from './pushes.ts';
import { type CitizenRead, readable, readCitizen, readRankingPage } from './reads.ts';
import { doneReply, type Refusal, refusedReply } from './replies.ts';
import type { Reader, SlowReaders } from './slow-readers.ts';
import { Turns, type TurnsPorts } from './turns.ts';
import type { Work } from './work.ts';

/** Frames that are not of the protocol, until the connection is closed (faults 42). */
const STRIKES_MAX = 3;
/** How long a connection may stay with an expired token, to renew it (faults 53). */
const EXPIRED_MS_MAX = 60_000;
const POLICY_VIOLATION = 1008;
const TRY_AGAIN_LATER = 1013;

/** What all sessions of a server share. */
export interface SessionPorts extends TurnsPorts {
  readonly engine: Engine;
  readonly identity: Identity;
  /** Real time: tokens live in it (DECISION 34). */
  readonly realMs: () => number;
  /** In [0, 1): spreads the times at which refused clients come back. */
  readonly random: () => number;
  readonly versions: Versions;
  readonly pushes: Pushes;
  readonly work: Work;
  readonly slowReaders: SlowReaders;
  readonly outside: Outside;
  /** Absent: nobody gets one. */
  readonly stamps?: Stamps | undefined;
  /** Somebody was not answered since the disk, or what is on it, failed. */
  readonly readFailed: (fault: unknown) => void;
}

interface Subject {
  readonly ok: true;
  readonly citizen: CitizenKey;
  readonly taxCode: string;
}

interface RefusedSubject {
  readonly ok: false;
  readonly code: 'FIELD_INVALID' | 'TAX_CODE_INVALID';
  readonly detail: string;
}

export class Session implements Subscriber, Reader {
  /** Whom pushes are about; empty for roles that have none. */
  readonly citizen: CitizenKey;
  readonly #ports: SessionPorts;
  readonly #codec: Codec;
  readonly #limits: ConnectionLimits;
  readonly #origin: Origin;
  readonly #client: Client | null;
  #principal: Principal;
  #socket: Socket<Session> | undefined;
  #inFlight = 0;
  readonly #turns: Turns;
  #strikes = 0;
  #isCut = false;
  #isRenewing = false;

  /** @param client null: it does not say which it is */
  constructor(principal: Principal, client: Client | null, codec: Codec, ports: SessionPorts) {
    const isCitizen = principal.role === 'citizen';
    this.citizen = isCitizen ? ports.engine.citizenKeyOf(principal.subject) : '';
    this.#ports = ports;
    this.#codec = codec;
    this.#limits = CONNECTION_LIMITS[principal.role];
    this.#origin = {
      role: principal.role,
      subject: isCitizen ? this.citizen : principal.subject,
      channel: isCitizen ? APP_CHANNEL : principal.subject,
    };
    const { inFlightMax } = this.#limits;
    this.#turns = new Turns({ waiter: this, origin: this.#origin, codec, inFlightMax }, ports);
    this.#client = client;
    this.#principal = principal;
  }

  open(socket: Socket<Session>): void {
    this.#socket = socket;
    const { engine, clock, stamps } = this.#ports;
    const stamp = this.#origin.role === 'citizen' ? stamps?.of(this.#principal.subject) : undefined;
    this.#send({
      hello: {
        role: this.#origin.role,
        channel: this.#origin.channel,
        nowMs: clock.nowMs(),
        frameBytesMax: this.#limits.frame.bytesMax,
        inFlightMax: this.#limits.inFlightMax,
        programme: engine.programme.name,
        ...(stamp === undefined ? {} : { stamp }),
      },
    });
    if (this.hasVersion) this.pushFeatures();
  }

  /** What is still in flight will be done, and can be asked for by id; nobody is there to be told. */
  closed(): void {
    this.#socket = undefined;
    this.#ports.pushes.remove(this);
    this.#ports.waitingRoom?.remove(this);
    this.#ports.slowReaders.remove(this);
  }

  /** Called now and then: ends a connection whose token has expired a minute ago. */
  checkExpiry(): void {
    if (this.#ports.realMs() < this.#principal.expiresAtMs + EXPIRED_MS_MAX) return;
    this.#socket?.close(POLICY_VIOLATION, 'the token has expired');
  }

  receive(frame: Uint8Array, isBinary: boolean): void {
    if (this.#socket === undefined || this.#isCut || this.#isEarly(frame, isBinary)) return;
    const parsed = this.#parse(frame, isBinary);
    if (!parsed.ok) {
      this.#strike(parsed);
      return;
    }
    const checked = checkRequest(parsed.value);
    if (!checked.ok && checked.code === 'BAD_FRAME') {
      this.#strike(checked);
      return;
    }
    // Whatever it asks, and whether it may: that costs the front as much.
    const slowDown = this.#turns.slowDown();
    if (slowDown !== null) this.#refuseAsTooMuch(checked.ok ? checked.request : checked, slowDown);
    else if (checked.ok) this.#admit(checked.request);
    else this.#refuse(checked.ref, checked);
  }

  // As a subscriber.

  /** Whoever does not say which version it has is told nothing of versions. */
  get hasVersion(): boolean {
    return this.#client !== null;
  }

  get isGone(): boolean {
    return this.#socket === undefined;
  }

  /** What is off is only held back: when it is switched on, whoever subscribed gets it without asking again (R5). */
  canTakePush(topic: Topic | 'features' | 'turn'): boolean {
    if (topic === 'rank' && this.#access.refusalOf('ranking') !== null) return false;
    return !this.isGone && !this.#hasExpired() && this.unreadBytes < PUSH_UNREAD_BYTES_MAX;
  }

  push(frame: TopicPush): void {
    this.#send(frame);
  }

  pushFeatures(): void {
    this.#send({ push: 'features', view: this.#access.view });
  }

  pushTurn(turn: ComeBack): void {
    const { position, waitMs, ticket } = turn;
    this.#turns.moved(turn);
    this.answerEarly();
    this.#send({ push: 'turn', view: { position, retryAtMs: this.#ports.clock.nowMs() + waitMs, waitMs, ticket } });
  }

  answerEarly(): void {
    for (const answer of this.#turns.answersToEarly()) this.#sendFrame(answer);
  }

  // As a reader.

  get unreadBytes(): number {
    return this.#socket?.unreadBytes() ?? 0;
  }

  get receiptCount(): number {
    return this.#socket?.receiptCount() ?? 0;
  }

  cutAsSlow(): void {
    this.#socket?.close(TRY_AGAIN_LATER, 'reads too slowly');
  }

  // Admission.

  #isEarly(frame: Uint8Array, isBinary: boolean): boolean {
    if (isBinary !== this.#codec.isBinary || frame.length > this.#limits.frame.bytesMax) return false;
    if (this.#hasExpired() || this.#ports.work.isDraining) return false;
    if (!this.#turns.isEarly(frame)) return false;
    this.#cutIfDeaf();
    return true;
  }

  #cutIfDeaf(): void {
    if (!this.#turns.isDeaf) return;
    this.#ports.outside.add(this.#principal.subject, this.#ports.monotonicMs());
    this.#cut(TRY_AGAIN_LATER, 'does not wait for its turn');
  }

  #parse(frame: Uint8Array, isBinary: boolean): ParsedFrame {
    if (isBinary === this.#codec.isBinary) return this.#codec.parse(frame, this.#limits.frame);
    return {
      ok: false,
      code: 'BAD_FRAME',
      detail: isBinary ? 'binary in a text protocol' : 'text in a binary protocol',
    };
  }

  #admit(request: CheckedRequest): void {
    const refusal = this.#refusalOf(request);
    if (refusal !== null) this.#refuse(request.ref, refusal, request.type);
    else if (this.#hasWindowFor(request)) this.#dispatch(request);
    else this.#refuseAsTooMuch(request, this.#turns.askedTooMuch());
  }

  #refuseAsTooMuch(
    { ref, type }: { readonly ref: number | null; readonly type?: RequestType },
    refusal: Refusal,
  ): void {
    this.#refuse(ref, refusal, type);
    this.#cutIfDeaf();
  }

  /** How much it may have under way it was told in the hello; and it has to read what it is answered. */
  #hasWindowFor(request: CheckedRequest): boolean {
    if (request.type === 'authenticate') return !this.#isRenewing;
    const { inFlightMax, unreadBytesMax } = this.#limits;
    return this.#inFlight + weightOf(request) <= inFlightMax && this.unreadBytes < unreadBytesMax;
  }

  /** Why this request may not pass now, however little is under way; null = it may. */
  #refusalOf({ type }: CheckedRequest): Refusal | null {
    if (type === 'authenticate') return null;
    if (this.#hasExpired()) return { code: 'TOKEN_EXPIRED' };
    if (!mayUse(this.#origin.role, type)) return { code: 'FORBIDDEN', detail: 'type' };
    if (this.#ports.work.isDraining) return { code: 'DRAINING' };
    return isAboutRanks(type) ? this.#access.refusalOf('ranking') : null;
  }

  /** Or is told when to come back. */
  #isLetIn(request: CheckedRequest, citizen: CitizenKey | null, weight: number): boolean {
    const refusal = this.#turns.ask(request, citizen, weight);
    if (refusal === null) return true;
    this.#turns.told(request.type, this.#refuse(request.ref, refusal, request.type));
    this.#cutIfDeaf();
    return false;
  }

  #dispatch(request: CheckedRequest): void {
    switch (request.type) {
      case 'enrol':
      case 'leave':
      case 'setIban':
      case 'addMethod':
      case 'removeMethod':
      case 'setFavourite':
      case 'enableCashback':
      case 'disableCashback':
      case 'enableAll':
        this.#change(request);
        return;
      case 'wallet':
      case 'instrument':
      case 'payments':
      case 'total':
      case 'milestones':
      case 'ranking':
      case 'outcome':
        this.#read(request);
        return;
      case 'rankingPage':
        this.#readRankingPage(request);
        return;
      case 'periods':
        this.#send({ ref: request.ref, ok: true, view: this.#ports.engine.periods() });
        return;
      case 'recordPayments':
        this.#record(request);
        return;
      case 'subscribe':
      case 'unsubscribe':
        this.#changeTopics(request);
        return;
      case 'authenticate':
        this.#renew(request);
        return;
      default:
        unreachable(request);
    }
  }

  // The requests.

  #change(request: ChangeRequest): void {
    const { engine } = this.#ports;
    const { ref, id } = request;
    const subject = this.#subjectOf(request.taxCode);
    if (!subject.ok) {
      this.#refuse(ref, subject);
      return;
    }
    const change = changeBody(request, (pan) => hashPan(pan, engine.programme.panSalt));
    if (!change.ok) {
      this.#refuse(ref, change);
      return;
    }
    const { citizen, taxCode } = subject;
    if (!this.#isLetIn(request, citizen, 1)) return;
    this.#begin(1);
    const command = { citizen, taxCode, origin: this.#origin, id, body: change.body };
    executeFor(this.#access, engine, command, (reply) => {
      this.#end(1);
      if (reply.ok) this.#send(doneReply(ref, reply));
      else this.#refuse(ref, reply, request.type);
    });
  }

  #read(request: CitizenRead): void {
    const subject = this.#subjectOf(request.taxCode);
    if (!subject.ok) this.#refuse(request.ref, subject);
    else if (this.#isLetIn(request, subject.citizen, 1))
      this.#answer(request, readCitizen(this.#ports.engine, request, subject.citizen, this.#origin));
  }

  #readRankingPage(request: RequestOf<'rankingPage'>): void {
    if (!this.#isLetIn(request, null, 1)) return;
    const withCitizens = seesCitizens(this.#origin.role);
    this.#answer(request, readRankingPage(this.#ports.engine, request, { withCitizens }));
  }

  #changeTopics({ ref, type, topics }: RequestOf<'subscribe'> | RequestOf<'unsubscribe'>): void {
    const { pushes } = this.#ports;
    for (const topic of topics) pushes[type](this, topic);
    this.#send({ ref, ok: true, view: { topics: pushes.topics(this) } });
  }

  #answer({ ref, type }: Pick<CheckedRequest, 'ref' | 'type'>, read: Promise<Read<unknown>>): void {
    this.#begin(1);
    void readable(read, this.#ports.readFailed).then((result) => {
      this.#end(1);
      if (result.ok) this.#send({ ref, ok: true, view: result.value });
      else this.#refuse(ref, result, type);
    });
  }

  #record(request: RecordPaymentsRequest): void {
    const { ref, rows } = request;
    if (!this.#isLetIn(request, null, rows.length)) return;
    this.#begin(rows.length);
    recordRows(this.#ports, this.#origin.subject, rows, (outcomes) => {
      this.#end(rows.length);
      this.#send({ ref, ok: true, view: { outcomes } });
    });
  }

  /** One at a time: a signature costs a hundred times what a command does. */
  #renew({ ref, token }: RequestOf<'authenticate'>): void {
    this.#isRenewing = true;
    void Promise.resolve(this.#ports.identity.verify(token)).then((verification) => {
      this.#isRenewing = false;
      if (!verification.ok) this.#refuse(ref, verification);
      // Another person's token asks for another connection: this one has subscriptions and commands of its own.
      else if (!isSamePerson(verification.principal, this.#principal)) this.#refuse(ref, { code: 'FORBIDDEN' });
      else {
        this.#principal = verification.principal;
        this.#send({ ref, ok: true, view: { expiresAtMs: this.#principal.expiresAtMs } });
      }
    });
  }

  /** Whom a request is about. A citizen is always the one of the token, and may not even name itself (promise 7). */
  #subjectOf(taxCode: string | undefined): Subject | RefusedSubject {
    if (SUBJECTS[this.#origin.role] === 'self') {
      if (taxCode !== undefined) return { ok: false, code: 'FIELD_INVALID', detail: 'taxCode' };
      return { ok: true, citizen: this.citizen, taxCode: this.#principal.subject };
    }
    if (taxCode === undefined) return { ok: false, code: 'FIELD_INVALID', detail: 'taxCode' };
    const checked = checkTaxCode(taxCode);
    if (!checked.ok) return { ok: false, code: 'TAX_CODE_INVALID', detail: 'taxCode' };
    return { ok: true, citizen: this.#ports.engine.citizenKeyOf(checked.value), taxCode: checked.value };
  }

  get #access(): Access {
    return this.#ports.versions.accessOf(this.#client);
  }

  #hasExpired(): boolean {
    return this.#ports.realMs() >= this.#principal.expiresAtMs;
  }

  #begin(weight: number): void {
    this.#inFlight += weight;
    this.#ports.work.begin();
  }

  #end(weight: number): void {
    this.#inFlight -= weight;
    this.#ports.work.end();
  }

  // Answers.

  #strike(refusal: Refusal): void {
    this.#strikes += 1;
    this.#refuse(null, refusal);
    if (this.#strikes === STRIKES_MAX) this.#cut(POLICY_VIOLATION, 'too many bad frames');
  }

  /** What it has sent already is not looked at any more. */
  #cut(code: number, reason: string): void {
    this.answerEarly();
    this.#isCut = true;
    this.#socket?.close(code, reason);
  }

  /** A refusal that will pass says when to come back, even where the engine left that open. */
  #refuse(ref: number | null, refusal: Refusal, type?: RequestType): RefusedReply {
    const retryAtMs = refusal.retryAtMs ?? this.#retryAtMs(refusal.code);
    const nowMs = this.#ports.clock.nowMs();
    const reply = refusedReply(ref, { ...refusal, retryAtMs }, nowMs, this.#failureOf(type));
    this.#send(reply);
    return reply;
  }

  /** What the app says to its citizen, and to nobody else. */
  #failureOf(type: RequestType | undefined): MessageCode | undefined {
    return type === undefined || this.#origin.role !== 'citizen' ? undefined : FAILURES[type];
  }

  #retryAtMs(code: RefusalName): number | undefined {
    if (code !== 'OVERLOADED' && code !== 'DRAINING') return undefined;
    const { clock, random } = this.#ports;
    return retryAtMs(code === 'DRAINING' ? 'restart' : 'busy', clock.nowMs(), random());
  }

  #send(message: object): void {
    this.#sendFrame(this.#codec.encode(message));
  }

  #sendFrame(frame: string | Uint8Array): void {
    this.#socket?.send(frame);
    const { slowReaders, monotonicMs } = this.#ports;
    if (this.unreadBytes >= PUSH_UNREAD_BYTES_MAX) slowReaders.watch(this, monotonicMs());
  }
}

/** What counts against the limit of a connection: commands, and rows one by one. */
function weightOf(request: CheckedRequest): number {
  return request.type === 'recordPayments' ? request.rows.length : 1;
}

function isAboutRanks(type: RequestType): boolean {
  return type === 'ranking' || type === 'rankingPage';
}

function isSamePerson(one: Principal, other: Principal): boolean {
  return one.role === other.role && one.subject === other.subject;
}
