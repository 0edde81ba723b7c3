/**
 * Those of one channel and one class who wait at one door: a queue of appointments. Each has a time at which it is let in
 * whatever happens; whenever there is room before that time, the first of the queue are called and may come at once.
 */
const SECOND_MS = 1_000;

export interface Appointment {
  readonly asker: string;
  /** From now on its holder is let in. */
  readonly slotMs: number;
  /** Grows by 1 with each appointment of a lane. */
  readonly number: number;
  readonly ticket: string;
}

export interface LaneOptions {
  /** Nobody is told to come back sooner. */
  readonly waitMsMin: number;
  /** Whoever comes so long after the time has no appointment any more. */
  readonly graceMs: number;
}

export class Lane {
  readonly #options: LaneOptions;
  readonly #byAsker = new Map<string, Appointment>();
  /** In the order in which they were made, those before `#first` forgotten. */
  #queue: Appointment[] = [];
  #first = 0;
  #next = 0;
  #called = 0;
  #tailMs = 0;
  /** Of tickets that nobody remembers the last time. */
  #looseMs = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Appointments whose holders were not called, and whose time has not come. */
  get waitingCount(): number {
    return this.#next - this.#called;
  }

  /** Whoever comes now has others before it. A queue that is only as long as nobody is told to come sooner is none. */
  isCrowded(nowMs: number): boolean {
    return this.waitingCount > 0 && this.#tailMs > nowMs + 2 * this.#options.waitMsMin;
  }

  /** Appointments that are remembered. */
  get size(): number {
    return this.#byAsker.size;
  }

  of(asker: string): Appointment | undefined {
    return this.#byAsker.get(asker);
  }

  isDue({ number, slotMs }: Appointment, nowMs: number): boolean {
    return number < this.#called || slotMs <= nowMs;
  }

  /** From 1: how many have to be called until it is. 0: it is due. */
  positionOf(appointment: Appointment, nowMs: number): number {
    return this.isDue(appointment, nowMs) ? 0 : appointment.number - this.#called + 1;
  }

  /**
   * The next time that is free.
   *
   * @param perSecond how many a second are promised to be let in here
   */
  nextSlotMs(nowMs: number, perSecond: number, weight: number): number {
    const earliestMs = nowMs + this.#options.waitMsMin;
    const promisedMs = Math.max(Math.min(this.#tailMs, this.#lastSlotMs()), this.#looseMs);
    this.#tailMs = Math.max(promisedMs, earliestMs) + (weight * SECOND_MS) / perSecond;
    return Math.ceil(this.#tailMs);
  }

  remember(asker: string, slotMs: number, ticket: string): Appointment {
    const appointment = { asker, slotMs, number: this.#next, ticket };
    this.#next += 1;
    this.#byAsker.set(asker, appointment);
    this.#queue.push(appointment);
    return appointment;
  }

  /** The ticket alone stands for it. */
  promise(asker: string, slotMs: number, ticket: string): Appointment {
    this.#looseMs = slotMs;
    return { asker, slotMs, number: Number.POSITIVE_INFINITY, ticket };
  }

  /** It was kept, or broken by its holder. */
  end({ asker }: Appointment): void {
    this.#byAsker.delete(asker);
  }

  /** @returns those of the next `count` of the queue who have not come already */
  call(count: number): readonly Appointment[] {
    const called: Appointment[] = [];
    while (called.length < count && this.#called < this.#next) called.push(...this.#callNext());
    return called;
  }

  /** @returns those whose time has come, and who were not called before it */
  callDue(nowMs: number): readonly Appointment[] {
    const due: Appointment[] = [];
    while (this.#called < this.#next && this.#at(this.#called).slotMs <= nowMs) due.push(...this.#callNext());
    return due;
  }

  /** @returns nobody where the next one has come already */
  #callNext(): readonly Appointment[] {
    const appointment = this.#at(this.#called);
    this.#called += 1;
    return this.#isOpen(appointment) ? [appointment] : [];
  }

  /** Forgets those who did not come. */
  sweep(nowMs: number): void {
    while (this.#first < this.#called) {
      const appointment = this.#at(this.#first);
      const isOpen = this.#isOpen(appointment);
      if (isOpen && appointment.slotMs + this.#options.graceMs > nowMs) break;
      if (isOpen) this.#byAsker.delete(appointment.asker);
      this.#first += 1;
    }
    this.#compact();
  }

  /** Whoever comes at its time will find room, however many do: what was promised need not keep others away. */
  forgetPromises(): void {
    this.#tailMs = 0;
    this.#looseMs = 0;
  }

  /** Until when times are promised to who has not come yet; 0: nobody. Whoever came before its time left it free. */
  #lastSlotMs(): number {
    for (let last = this.#queue.at(-1); last !== undefined; last = this.#queue.at(-1)) {
      if (this.#isOpen(last)) return last.slotMs;
      this.#queue.pop();
      this.#next -= 1;
      this.#called = Math.min(this.#called, this.#next);
      this.#first = Math.min(this.#first, this.#next);
    }
    return 0;
  }

  #at(number: number): Appointment {
    return this.#queue[number - (this.#next - this.#queue.length)]!;
  }

  #isOpen(appointment: Appointment): boolean {
    return this.#byAsker.get(appointment.asker) === appointment;
  }

  #compact(): void {
    const gone = this.#first - (this.#next - this.#queue.length);
    if (gone > 1_024 && gone * 2 > this.#queue.length) this.#queue = this.#queue.slice(gone);
  }
}
