/**
 * Admission: takes a request in, or says when to come back. Every shard has a door (door.ts); whoever finds it full, or
 * others waiting in front of it, gets an appointment (lane.ts) and a ticket for it (tickets.ts). Everybody who asks has one
 * appointment at a time, however many sockets it asks over, and asking early changes nothing: so each gets its turn, and the
 * server does nothing but turns.
 */
import { LIMITS, partitionOf } from '../../engine/index.ts';
import { Budget } from './budget.ts';
import { CHANNEL_NAMES, CHANNELS, type Channel, CLASS_NAMES, CLASSES, type Class } from './classes.ts';
import { Door, type Load } from './door.ts';
import { FileLane } from './file-lane.ts';
import { type Appointment, Lane } from './lane.ts';
import { TicketOffice } from './tickets.ts';

/** Of what a door does, so much is promised: the rest goes to the first of the queue as it turns out to be there. */
const PROMISED_SHARE = 0.94;
/** Of a wait, and at most so much: spreads those whose times lie close together. */
const JITTER_SHARE = 0.1;
const JITTER_MS_MAX = 1_000;
/**
 * What is called in a second, of what the door does: so much for all of it that is free, and at most so much. It is all that
 * comes from those who listen, not something beside what is promised, since whoever is called leaves its own time empty.
 */
const CALLED_IF_EMPTY = 5;
const CALLED_MOST = 2;
/** Fuller than this while somebody waits, a door may be too narrow for those who are on their way. */
const WIDE_ENOUGH = 0.75;
/** With less than so much inside, those who wait are not here: whoever comes need not wait for them, now and then. */
const NEARLY_EMPTY = 0.2;
const OVERTAKING = { perSecond: 0.2, burst: 1, keysMax: 100_000 } as const;
/** Weight of the newest second in what a lane did. */
const NEWEST = 0.3;
const SECOND_MS = 1_000;

export interface Shard extends Load {
  /** Waits for its turn like a command; resolves with how long it did, in milliseconds. */
  probe(): Promise<number>;
}

export interface AdmissionOptions {
  readonly shards: readonly Shard[];
  /** Keyed hash of a text, of the tickets: 32 hex digits, the same after a restart. */
  readonly digest: (text: string) => string;
  /** Differs from start to start, and is not 0. */
  readonly origin: number;
  /** Milliseconds since the epoch, going on evenly from the start whatever becomes of the clock. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /**
   * For how long the thread that asks has had nothing to do, since any moment: where it has to do with nothing but turning
   * away, that is what limits what the shards do. Absent: it always has time.
   */
  readonly idleMs?: (() => number) | undefined;
  /** What one citizen may ask for in a second; default LIMITS.citizenPerSecond, 0: as much as it likes. */
  readonly citizenPerSecond?: number | undefined;
}

/** Where somebody waits, or would. */
export interface Place {
  /** Who: a citizen, or a partner and whom it asks for. */
  readonly asker: string;
  readonly channel: Channel;
  readonly class: Class;
  /** Null: it concerns all of them. */
  readonly shard: number | null;
}

export interface Asking extends Place {
  /** Rows; 1 for anything else. */
  readonly weight: number;
  readonly ticket?: string | undefined;
}

/** Comes back after `waitMs`, with the ticket, and is let in. */
export interface ComeBack {
  readonly waitMs: number;
  readonly ticket: string;
  /** How many are let in before; 0: was called, and nobody is. */
  readonly position: number;
}

export interface TurnedAway extends ComeBack {
  /** The appointment was made for this asking; otherwise it was there before. */
  readonly isNew: boolean;
}

class Entrance {
  readonly door: Door;
  readonly lanes: readonly Lane[];
  /** What passed in each lane in a second, on the average of the last ones. */
  readonly perSecond: number[];
  readonly passed: number[];
  /** How many may be called now. */
  calls = 0;
  /** Since when there was room at each tick. */
  calmSinceMs = Number.POSITIVE_INFINITY;
  /** Of whom was told to come, and until when a place is kept. */
  readonly kept = new Map<Appointment, number>();

  constructor(shard: Shard, idleMs: () => number) {
    this.door = new Door(shard, idleMs);
    const options = { waitMsMin: LIMITS.appointmentMsMin, graceMs: LIMITS.appointmentGraceMs };
    this.lanes = CHANNEL_NAMES.flatMap(() => CLASS_NAMES.map(() => new Lane(options)));
    this.perSecond = this.lanes.map(() => 0);
    this.passed = this.lanes.map(() => 0);
  }
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #entrances: readonly Entrance[];
  readonly #tickets: TicketOffice;
  /** Tickets of those whom this start does not remember, once they were used: as many as there is room for. */
  readonly #used = new Set<string>();
  readonly #overtaking = new Budget(OVERTAKING);
  readonly #citizens: Budget | null;
  /** Of acquirers and issuers: who hands over a row enters, and leaves when it is answered. */
  readonly files = new FileLane();
  /** Who asked in this second and in the one before. */
  #others = { now: 0, before: 0 };
  /** Appointments that are remembered, counted once in a second. */
  #remembered = 0;
  #secondEndsMs = 0;
  #tickedMs = 0;
  #tell: (place: Place, ticket: string) => boolean = () => false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const perSecond = options.citizenPerSecond ?? LIMITS.citizenPerSecond;
    const keysMax = LIMITS.citizensRememberedMax;
    this.#citizens = perSecond === 0 ? null : new Budget({ perSecond, burst: LIMITS.citizenBurst, keysMax });
    const { shards, idleMs = options.nowMs } = options;
    this.#entrances = shards.map((shard) => new Entrance(shard, idleMs));
    this.#tickets = new TicketOffice(options.digest);
  }

  get waitingCount(): number {
    return this.#entrances.reduce((sum, { lanes }) => sum + lanes.reduce((of, lane) => of + lane.waitingCount, 0), 0);
  }

  /** @param tell  calls who waited: may come now. Answers whether it was told, and so will be here presently */
  onCalled(tell: (place: Place, ticket: string) => boolean): void {
    this.#tell = tell;
  }

  shardOf(key: string): number {
    return partitionOf(key) % this.#entrances.length;
  }

  /** Of what concerns all shards: where it has an appointment, or else where there is least room. */
  #entranceFor({ asker, channel, class: of, shard }: Place): Entrance {
    if (shard !== null) return this.#entrances[shard]!;
    const lane = laneOf(channel, of);
    const waitsAt = this.#entrances.find(({ lanes }) => lanes[lane]!.of(asker) !== undefined);
    if (waitsAt !== undefined) return waitsAt;
    const fullness = ({ door }: Entrance) => door.inside / door.limit;
    return this.#entrances.reduce((fullest, one) => (fullness(one) > fullness(fullest) ? one : fullest));
  }

  /** Null: it may pass, and is to be handed over at once. */
  ask(asking: Asking): TurnedAway | null {
    const { asker, channel, weight } = asking;
    const nowMs = this.#options.nowMs();
    this.#others.now += 1;
    const entrance = this.#entranceFor(asking);
    const number = laneOf(channel, asking.class);
    const lane = entrance.lanes[number]!;
    const appointment = lane.of(asker);
    if (appointment === undefined) {
      const passes = this.#isHonoured(asking, number, nowMs)
        ? entrance.door.hasRoomForPromised(weight)
        : this.#isFree(entrance, lane, asking, nowMs);
      return passes ? pass(entrance, asking, nowMs) : this.#book(entrance, asking, number, nowMs);
    }
    const isPromised = entrance.kept.delete(appointment) || appointment.slotMs <= nowMs;
    const passes = isPromised
      ? entrance.door.hasRoomForPromised(weight)
      : lane.isDue(appointment, nowMs) && hasRoom(entrance, 1, weight);
    if (!passes && !isPromised) return { ...this.#comeBack(lane, appointment, nowMs), isNew: false };
    lane.end(appointment);
    return passes ? pass(entrance, asking, nowMs) : this.#book(entrance, asking, number, nowMs);
  }

  /** One citizen asks once more, whatever it is. 0: it may; else for how many milliseconds it may not. */
  slowDownMs(citizen: string): number {
    const nowMs = this.#options.nowMs();
    return Math.ceil(Math.max(0, (this.#citizens?.spend(citizen, nowMs) ?? 0) - nowMs));
  }

  /** For whoever has no appointment. */
  #isFree(entrance: Entrance, lane: Lane, { asker, channel, class: of, weight }: Asking, nowMs: number): boolean {
    const { fill } = CLASSES[of];
    if (lane.isCrowded(nowMs))
      return hasRoom(entrance, fill * NEARLY_EMPTY, weight) && this.#overtaking.spend(asker, nowMs) === 0;
    if (hasRoom(entrance, fill, weight)) return true;
    const { door } = entrance;
    door.wasShort();
    const crowded = lanesOf(entrance, channel).findIndex((one) => one.isCrowded(nowMs));
    if (crowded > CLASS_NAMES.indexOf(of) && door.hasRoomForUrgent(weight)) return true;
    const isOthersFault = crowded === -1;
    return isOthersFault && door.isWithinShare(channel, weight, nowMs) && door.hasRoomForPromised(weight);
  }

  /** Where somebody stands who waits; null: it does not. */
  positionOf(place: Place): ComeBack | null {
    const lane = this.#entranceFor(place).lanes[laneOf(place.channel, place.class)]!;
    const appointment = lane.of(place.asker);
    return appointment === undefined ? null : this.#comeBack(lane, appointment, this.#options.nowMs());
  }

  /** To be called every LIMITS.admissionTickMs. */
  tick(): void {
    const nowMs = this.#options.nowMs();
    const isNewSecond = nowMs >= this.#secondEndsMs;
    const passedMs = Math.min(SECOND_MS, nowMs - (this.#tickedMs === 0 ? nowMs : this.#tickedMs));
    this.#tickedMs = nowMs;
    if (isNewSecond) {
      this.#secondEndsMs = nowMs + SECOND_MS;
      this.#overtaking.sweep(nowMs);
      this.#citizens?.sweep(nowMs);
      this.#others = { now: 0, before: this.#others.now };
      this.#remembered = this.#entrances.reduce(
        (sum, { lanes }) => sum + lanes.reduce((of, { size }) => of + size, 0),
        0,
      );
    }
    this.#entrances.forEach((entrance, shard) => {
      this.#probe(entrance.door, shard);
      entrance.door.tick(
        nowMs,
        entrance.lanes.some(({ waitingCount }) => waitingCount > 0),
      );
      if (isNewSecond) endSecond(entrance, nowMs);
      this.#call(entrance, shard, nowMs, passedMs);
    });
    this.files.setRowsMax(this.#fileRowsMax());
  }

  #fileRowsMax(): number {
    if (this.waitingCount > 0) return 1;
    const { now, before } = this.#others;
    if (Math.max(now, before) >= LIMITS.othersPerSecondMin) return LIMITS.fileRowsBesideOthers * this.#entrances.length;
    return this.#entrances.reduce((sum, { door }) => sum + Math.floor(door.limit * LIMITS.fileFill), 0);
  }

  #probe(door: Door, shard: number): void {
    const { shards, nowMs } = this.#options;
    // Nobody inside waits.
    if (!door.mayProbe || door.inside === 0) return;
    door.probeSent(nowMs());
    void shards[shard]!.probe().then((waitMs) => door.probeTaken(waitMs));
  }

  /** @param passedMs since it was called last: who has much to do comes round late */
  #call(entrance: Entrance, shard: number, nowMs: number, passedMs: number): void {
    const { door, lanes, kept } = entrance;
    for (const [appointment, untilMs] of kept) if (untilMs <= nowMs) kept.delete(appointment);
    const free = 1 - (Math.max(0, door.inside) + kept.size) / door.limit;
    const callsPerSecond = door.perSecond * Math.max(0, Math.min(CALLED_MOST, CALLED_IF_EMPTY * free));
    entrance.calls = Math.min(entrance.calls, 1) + (callsPerSecond * passedMs) / SECOND_MS;
    entrance.calmSinceMs = hasRoom(entrance, NEARLY_EMPTY, 1)
      ? Math.min(entrance.calmSinceMs, nowMs)
      : Number.POSITIVE_INFINITY;
    lanes.forEach((lane, number) => {
      const { fill, channel, class: of } = laneAt(number);
      const tell = ({ asker, ticket }: Appointment) => this.#tell({ asker, channel, class: of, shard }, ticket);
      for (const appointment of lane.callDue(nowMs)) tell(appointment);
      while (lane.waitingCount > 0 && entrance.calls >= 1 && hasRoom(entrance, fill, 1)) {
        entrance.calls -= 1;
        for (const appointment of lane.call(1)) {
          if (tell(appointment)) kept.set(appointment, nowMs + LIMITS.calledMsMax);
        }
      }
      if (lane.waitingCount > 0 && !hasRoom(entrance, fill * WIDE_ENOUGH, 1)) door.wasShort();
    });
  }

  /** A ticket whose time has come, of an earlier start or of one whom there was no room to remember; once. */
  #isHonoured({ asker, ticket }: Asking, lane: number, nowMs: number): boolean {
    if (ticket === undefined || this.#used.has(ticket)) return false;
    const read = this.#tickets.read(asker, ticket);
    if (read === null || read.lane !== lane || read.origin === this.#options.origin) return false;
    const { slotMs } = read;
    if (slotMs > nowMs || slotMs + LIMITS.appointmentGraceMs < nowMs) return false;
    if (this.#used.size >= LIMITS.ticketsUsedMax) this.#used.clear();
    this.#used.add(ticket);
    return true;
  }

  #book(entrance: Entrance, { asker, weight }: Asking, number: number, nowMs: number): TurnedAway {
    const lane = entrance.lanes[number]!;
    const slotMs = lane.nextSlotMs(nowMs, promisedPerSecond(entrance, number), weight);
    const isRemembered = this.#remembered < LIMITS.appointmentsMax;
    this.#remembered += 1;
    const origin = isRemembered ? this.#options.origin : 0;
    const ticket = this.#tickets.issue(asker, { lane: number, origin, slotMs });
    const appointment = isRemembered ? lane.remember(asker, slotMs, ticket) : lane.promise(asker, slotMs, ticket);
    return { ...this.#comeBack(lane, appointment, nowMs), isNew: true };
  }

  #comeBack(lane: Lane, appointment: Appointment, nowMs: number): ComeBack {
    const { slotMs, ticket } = appointment;
    const position = Math.min(lane.positionOf(appointment, nowMs), lane.waitingCount);
    const jitterMs = Math.min(JITTER_MS_MAX, JITTER_SHARE * Math.max(0, slotMs - nowMs)) * this.#options.random();
    return { waitMs: Math.ceil(Math.max(0, slotMs - nowMs + jitterMs)), ticket, position };
  }
}

function pass({ door, passed }: Entrance, { channel, class: of, weight }: Asking, nowMs: number): null {
  door.pass(channel, weight, nowMs);
  passed[laneOf(channel, of)]! += weight;
  return null;
}

function hasRoom({ door, kept }: Entrance, fill: number, weight: number): boolean {
  return door.hasRoom(fill, weight, kept.size);
}

/**
 * What a door does beside those who come without waiting is promised to the channels in which somebody waits, by their
 * shares, and there to the classes in which somebody does, by their weights. And no less than if all who come waited, since
 * they may be more than it was thought to do.
 */
function promisedPerSecond({ door, lanes, perSecond }: Entrance, number: number): number {
  const waits = (other: number) => other === number || lanes[other]!.waitingCount > 0;
  const comes = (other: number) => waits(other) || perSecond[other]! >= 1;
  const passing = perSecond.reduce((sum, one, other) => (waits(other) ? sum : sum + one), 0);
  const free = (door.perSecond - passing) * shareAmong(waits, number);
  const least = door.perSecond * shareAmong(comes, number);
  return Math.max(1, PROMISED_SHARE * Math.max(free, least));
}

/** Of one lane, by the share of its channel and by its own weight there, among those that are meant. */
function shareAmong(isMeant: (lane: number) => boolean, number: number): number {
  const own = laneAt(number);
  const channels = new Set<Channel>();
  let weights = 0;
  LANES.forEach(({ channel, weight }, other) => {
    if (!isMeant(other)) return;
    channels.add(channel);
    if (channel === own.channel) weights += weight;
  });
  const shares = [...channels].reduce((sum, channel) => sum + CHANNELS[channel].share, 0);
  return (CHANNELS[own.channel].share / shares) * (own.weight / weights);
}

function endSecond({ door, lanes, perSecond, passed, calmSinceMs }: Entrance, nowMs: number): void {
  const isCalm = nowMs - calmSinceMs > LIMITS.calmMsMin;
  if (isCalm) door.relax();
  lanes.forEach((lane, number) => {
    lane.sweep(nowMs);
    if (isCalm) lane.forgetPromises();
    perSecond[number]! += NEWEST * (passed[number]! - perSecond[number]!);
    passed[number] = 0;
  });
}

function lanesOf({ lanes }: Entrance, channel: Channel): readonly Lane[] {
  const first = laneOf(channel, CLASS_NAMES[0]!);
  return lanes.slice(first, first + CLASS_NAMES.length);
}

function laneOf(channel: Channel, of: Class): number {
  return CHANNEL_NAMES.indexOf(channel) * CLASS_NAMES.length + CLASS_NAMES.indexOf(of);
}

const LANES = CHANNEL_NAMES.flatMap((channel) =>
  CLASS_NAMES.map((of) => ({
    channel,
    class: of,
    ...CLASSES[of],
  })),
);

function laneAt(number: number): (typeof LANES)[number] {
  return LANES[number]!;
}
