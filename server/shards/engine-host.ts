/** The engine's side of the rings: asks the engine what the front asked, and says what it answered. */
import { type Engine, invariant, StorageFault } from '../../engine/index.ts';
import type { ByteReader } from '../../snapshots/index.ts';
import type { ClockOrigin } from '../clock.ts';
import {
  type Answered,
  type Asked,
  CROSSINGS,
  type Crossing,
  citizens,
  clockOrigin,
  crossingOf,
  READ_NAMES,
  type ReadName,
  SAID,
  TOLD,
} from './formats.ts';
import { Link, type LinkOptions } from './link.ts';

export interface EngineHostOptions extends Pick<LinkOptions, 'port' | 'outgoing' | 'incoming'> {
  readonly engine: Engine;
  /** The front's clock was moved. */
  readonly setClock: (origin: ClockOrigin) => void;
  /** Answers all that was taken in, then closes engine and stores. */
  readonly close: () => Promise<void>;
  /** Not the world failed, but we did: the process stops. */
  readonly failed: (error: unknown) => void;
}

type Action = (from: ByteReader) => void;

/** From now on the front's questions are answered. */
export function hostEngine(options: EngineHostOptions): void {
  const { engine, failed, setClock, close, ...ends } = options;
  const actions: Action[] = [];
  // Replies of one flush are said in one go: they leave together, before the next turn begins.
  const link: Link = new Link({
    ...ends,
    soon: queueMicrotask,
    receive(from) {
      const action = actions[from.byte()];
      invariant(action !== undefined, 'the front asked what the engine does not know');
      action(from);
    },
  });

  const say = <Reply>(call: number, { answered }: Pick<Crossing<unknown, Reply>, 'answered'>, reply: Reply) => {
    const to = link.say();
    to.byte(SAID.answered);
    to.integer(call);
    answered.write(to, reply);
  };
  const sayFailed = (call: number, error: unknown) => {
    if (!(error instanceof StorageFault)) return failed(error);
    const to = link.say();
    to.byte(SAID.failed);
    to.integer(call);
    to.text(error.code);
    to.text(error.message);
  };
  const answerRead = <M extends ReadName>(name: M) => {
    const crossing = crossingOf(name);
    // Asked of the engine itself, so that `this` is what it expects.
    const reads = engine as unknown as Record<M, (...asked: Asked<M>) => Promise<Answered<M>>>;
    actions[crossing.number] = (from) => {
      const call = from.integer();
      reads[name](...crossing.asked.read(from)).then(
        (reply) => say(call, crossing, reply),
        (error: unknown) => sayFailed(call, error),
      );
    };
  };

  for (const name of READ_NAMES) answerRead(name);
  const { execute, record } = CROSSINGS;
  actions[execute.number] = (from) => {
    const call = from.integer();
    engine.execute(execute.asked.read(from), (reply) => say(call, execute, reply));
  };
  actions[record.number] = (from) => {
    const call = from.integer();
    engine.record(record.asked.read(from), (outcome) => say(call, record, outcome));
  };
  actions[CROSSINGS.close.number] = (from) => {
    const call = from.integer();
    close().then(() => {
      say(call, CROSSINGS.close, []);
      link.close();
    }, failed);
  };
  const intakes = new Map<number, () => void>();
  actions[TOLD.openIntake] = (from) => void intakes.set(from.integer(), engine.openIntake(from.integer()));
  actions[TOLD.closeIntake] = (from) => {
    const intake = from.integer();
    intakes.get(intake)?.();
    intakes.delete(intake);
  };
  actions[TOLD.tick] = (from) => engine.tick(from.integer());
  actions[TOLD.clock] = (from) => setClock(clockOrigin.read(from));
  engine.onChanged((changed) => {
    const to = link.say();
    to.byte(SAID.changed);
    citizens.write(to, changed);
  });
}
