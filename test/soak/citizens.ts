/**
 * What the citizens of a soak wish, and what they were promised. Each enrols, has a card that is paid with and one that it
 * switches off and on, and its own IBAN, the canary. Half of them are told when something of theirs changes.
 */
import { Packr } from 'msgpackr';
import { clientFrame } from '../../bench/load/raw-socket.ts';
import { blank, Ids, Template } from '../../bench/load/template.ts';
import { hpanOf } from '../../bench/load/workload.ts';
import type { Canaries } from '../../bench/overload/canary.ts';
import type { Reply, Wish } from '../../bench/overload/citizen.ts';
import type { People, Wishes } from '../../bench/overload/people.ts';
import { drawWish, LOOK, LOOK_AT_RANK, REQUESTS } from '../../bench/overload/wishes.ts';
import { SeededRandom } from '../../client/replay/random.ts';
import { digestOf, type Entry, type Ledger } from './ledger.ts';

const ID = blank(2, 32);
const ENROL = new Template({ type: 'enrol', id: ID }, [ID]);
const OUTCOME = new Template({ type: 'outcome', id: ID }, [ID]);
/** No wish has such a ref. */
const SUBSCRIBE = clientFrame(
  new Packr({ useRecords: false }).encode({ ref: 1_000, type: 'subscribe', topics: ['wallet', 'rank'] }),
);

/** What is asked for, as the ledger has it. */
const CHANGES = ['enrol', 'iban', 'own card', 'enable', 'disable'] as const;
type Change = (typeof CHANGES)[number];

/** The card of a citizen that is paid with. */
export function cardOf(citizen: number): string {
  return hpanOf(`soak ${citizen}`).toString();
}

export class SoakWishes implements Wishes {
  readonly #canaries: Canaries;
  readonly #ledger: Ledger;
  readonly #random: SeededRandom;
  readonly #ids: Ids;
  readonly #otherCards: readonly Buffer[];
  readonly #isOtherOn: Uint8Array;
  readonly first = (['enrol', 'own card', 'iban'] as const).map((change) => (citizen: number) => {
    return this.#change(citizen, change);
  });

  constructor(canaries: Canaries, ledger: Ledger, { citizenCount, seed }: { citizenCount: number; seed: number }) {
    this.#canaries = canaries;
    this.#ledger = ledger;
    this.#random = new SeededRandom(seed, 1);
    this.#ids = new Ids(Date.now(), seed.toString(16).padStart(5, '0').slice(-5));
    this.#otherCards = Array.from({ length: citizenCount }, (_, citizen) => hpanOf(`soak, other ${citizen}`));
    this.#isOtherOn = new Uint8Array(citizenCount);
  }

  any(citizen: number): Wish {
    switch (drawWish(this.#random)) {
      case 'wallet':
        return LOOK;
      case 'ranking':
        return LOOK_AT_RANK;
      case 'iban':
        return this.#change(citizen, 'iban');
      case 'card':
        this.#isOtherOn[citizen] = 1 - this.#isOtherOn[citizen]!;
        return this.#change(citizen, this.#isOtherOn[citizen] === 1 ? 'enable' : 'disable');
    }
  }

  greeting(citizen: number): Buffer | null {
    return citizen % 2 === 0 ? SUBSCRIBE : null;
  }

  /** Every citizen asks for its promises by their ids, and sends some of them again. @returns what is not as it was promised */
  async ask(people: People, promises: readonly Entry[], againCount: number): Promise<readonly string[]> {
    const broken: string[] = [];
    const errands = new Map<number, Wish[]>();
    for (const [at, promise] of promises.entries()) {
      const wishes = errands.get(promise.citizen) ?? [];
      errands.set(promise.citizen, wishes);
      wishes.push(this.#outcome(promise, broken));
      if (at < againCount) wishes.push(this.#again(promise, broken));
    }
    await people.errands((citizen) => errands.get(citizen)?.pop() ?? null);
    return broken;
  }

  #outcome(promise: Entry, broken: string[]): Wish {
    const answered = (reply: Reply) => {
      const view = reply.view as { readonly state?: string; readonly answer?: unknown } | undefined;
      if (view?.state !== 'done') broken.push(`${this.#told(promise)} is lost: ${told(reply)}`);
      else if (digestOf(view.answer) !== promise.digest) broken.push(`${this.#told(promise)} is now ${told(view)}`);
    };
    const frame = (ref: number) => OUTCOME.fill(ref, [this.#ids.of(promise.number)]);
    return { frame, showsData: false, answered };
  }

  #again(promise: Entry, broken: string[]): Wish {
    const answered = (reply: Reply) => {
      const isKnown = reply.ok && reply.repeated === true && digestOf(reply.answer) === promise.digest;
      if (!isKnown) broken.push(`${this.#told(promise)}, sent again: ${told(reply)}`);
    };
    return { frame: this.#frame(promise.citizen, CHANGES[promise.kind]!, promise.number), showsData: false, answered };
  }

  #told({ number, citizen, kind }: Entry): string {
    return `command ${this.#ids.of(number)} of citizen ${citizen} (${CHANGES[kind]})`;
  }

  #change(citizen: number, change: Change): Wish {
    this.#ids.next();
    const number = this.#ids.count;
    const kind = CHANGES.indexOf(change);
    const answered = ({ ok, answer }: Reply) => {
      if (ok) this.#ledger.add({ number, citizen, kind, digest: digestOf(answer) });
    };
    return { frame: this.#frame(citizen, change, number), showsData: false, answered };
  }

  #frame(citizen: number, change: Change, number: number): (ref: number) => Buffer {
    const id = () => this.#ids.of(number);
    switch (change) {
      case 'enrol':
        return (ref) => ENROL.fill(ref, [id()]);
      case 'iban':
        return (ref) => REQUESTS.setIban.fill(ref, [id(), Buffer.from(this.#canaries.of(citizen))]);
      case 'own card':
        return (ref) => REQUESTS.enable.fill(ref, [id(), Buffer.from(cardOf(citizen))]);
      case 'enable':
        return (ref) => REQUESTS.enable.fill(ref, [id(), this.#otherCards[citizen]!]);
      case 'disable':
        return (ref) => REQUESTS.disable.fill(ref, [id(), this.#otherCards[citizen]!]);
    }
  }
}

function told(value: unknown): string {
  return JSON.stringify(value);
}
