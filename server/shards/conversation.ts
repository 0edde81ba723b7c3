/**
 * What two threads say to each other over a link: questions with answers, and what is told and not answered, in both
 * directions and in one order. Whatever is asked is answered exactly once, unless the other thread dies first; then
 * the process dies with it.
 */
import { invariant, StorageFault } from '../../engine/index.ts';
import type { ByteReader, Codec } from '../../snapshots/index.ts';
import { Calls } from './calls.ts';
import { Link, type LinkOptions } from './link.ts';

/** A question with an answer: how each is written. No number stands for two, and none for how an answer begins. */
export interface Crossing<Question, Reply> {
  readonly number: number;
  readonly asked: Codec<Question>;
  readonly answered: Codec<Reply>;
}

export interface Telling<T> {
  readonly number: number;
  readonly told: Codec<T>;
}

/** How an answer begins. */
const ANSWERED = 0;
const FAILED = 1;

/** A question on its way. */
interface Pending<Reply> {
  readonly format: Codec<Reply>;
  readonly isChange: boolean;
  readonly done: (reply: Reply) => void;
  readonly failed: (fault: StorageFault) => void;
}

export interface ConversationOptions extends Omit<LinkOptions, 'receive'> {
  /** Not the world failed, but we did: the process stops. */
  readonly failed: (error: unknown) => void;
}

export class Conversation {
  readonly link: Link;
  readonly #failed: (error: unknown) => void;
  readonly #calls = new Calls<Pending<unknown>>();
  readonly #actions: ((from: ByteReader) => void)[] = [];
  #changesInFlight = 0;
  #answeredCount = 0;
  #settled: (() => void)[] = [];

  constructor({ failed, ...ends }: ConversationOptions) {
    this.#failed = failed;
    this.link = new Link({ ...ends, receive: (from) => this.#receive(from) });
  }

  get changesInFlight(): number {
    return this.#changesInFlight;
  }
  /** Since the start. */
  get answeredCount(): number {
    return this.#answeredCount;
  }
  get readsInFlight(): number {
    return this.#calls.count - this.#changesInFlight;
  }

  // Saying

  /** Asks for a change, to be answered when it is on disk. */
  change<Question, Reply>(crossing: Crossing<Question, Reply>, question: Question, done: (reply: Reply) => void): void {
    this.#changesInFlight += 1;
    this.#ask(crossing, question, { format: crossing.answered, isChange: true, done, failed: neverFails });
  }

  /** Rejects with the StorageFault that the other side found. */
  ask<Question, Reply>(crossing: Crossing<Question, Reply>, question: Question): Promise<Reply> {
    return new Promise((done, failed) => {
      this.#ask(crossing, question, { format: crossing.answered, isChange: false, done, failed });
    });
  }

  tell<T>({ number, told }: Telling<T>, value: T): void {
    const to = this.link.say();
    to.byte(number);
    told.write(to, value);
  }

  #ask<Question, Reply>({ number, asked }: Crossing<Question, Reply>, question: Question, pending: Pending<Reply>) {
    const call = this.#calls.add(pending as Pending<unknown>);
    const to = this.link.say();
    to.byte(number);
    to.integer(call);
    asked.write(to, question);
  }

  // Hearing

  /** From now on such questions are answered, each once, whenever. */
  onChange<Question, Reply>(
    crossing: Crossing<Question, Reply>,
    act: (question: Question, done: (reply: Reply) => void) => void,
  ): void {
    this.#on(crossing.number, (from) => {
      const call = from.integer();
      act(crossing.asked.read(from), (reply) => this.#answer(call, crossing, reply));
    });
  }

  /** A StorageFault fails for who asked; any other error is our own mistake. */
  onAsked<Question, Reply>(crossing: Crossing<Question, Reply>, act: (question: Question) => Promise<Reply>): void {
    this.#on(crossing.number, (from) => {
      const call = from.integer();
      act(crossing.asked.read(from)).then(
        (reply) => this.#answer(call, crossing, reply),
        (error: unknown) => this.#answerFailed(call, error),
      );
    });
  }

  onTold<T>({ number, told }: Telling<T>, act: (value: T) => void): void {
    this.#on(number, (from) => act(told.read(from)));
  }

  #on(number: number, action: (from: ByteReader) => void): void {
    invariant(number > FAILED && this.#actions[number] === undefined, `${number} means two things`);
    this.#actions[number] = action;
  }

  /** Resolves when nothing that was asked waits for its answer. */
  settled(): Promise<void> {
    return this.#calls.count === 0 ? Promise.resolve() : new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Says what was said, and lets go of the thread. */
  close(): void {
    this.link.close();
  }

  #receive(from: ByteReader): void {
    const number = from.byte();
    if (number <= FAILED) return this.#take(from, number === ANSWERED);
    const action = this.#actions[number];
    invariant(action !== undefined, `nobody here knows what ${number} means`);
    action(from);
  }

  #take(from: ByteReader, isAnswered: boolean): void {
    const pending = this.#calls.take(from.integer());
    this.#answeredCount += 1;
    if (pending.isChange) this.#changesInFlight -= 1;
    if (isAnswered) pending.done(pending.format.read(from));
    else pending.failed(new StorageFault(from.text(), from.text()));
    if (this.#calls.count === 0) for (const resolve of this.#settled.splice(0)) resolve();
  }

  #answer<Reply>(call: number, { answered }: Pick<Crossing<never, Reply>, 'answered'>, reply: Reply): void {
    const to = this.link.say();
    to.byte(ANSWERED);
    to.integer(call);
    answered.write(to, reply);
  }

  #answerFailed(call: number, error: unknown): void {
    if (!(error instanceof StorageFault)) return this.#failed(error);
    const to = this.link.say();
    to.byte(FAILED);
    to.integer(call);
    to.text(error.code);
    to.text(error.message);
  }
}

function neverFails(fault: StorageFault): never {
  throw fault;
}
