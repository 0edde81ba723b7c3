/** Who listens to which topics, and that the server knows of it on every line. */
import type { Topic, TopicPush, WireReply } from '../../server/wire/index.ts';
import { ClientFault } from './fault.ts';

/** Asks for as long as it takes; what is urgent goes before all that waits. */
export type AskTopics = (
  type: 'subscribe' | 'unsubscribe',
  topics: readonly Topic[],
  options?: { readonly isUrgent: boolean },
) => Promise<WireReply>;

interface Subscriber {
  readonly topics: readonly Topic[];
  hear(push: TopicPush): void;
}

export class Subscriptions {
  readonly #ask: AskTopics;
  readonly #subscribers = new Set<Subscriber>();
  #isAsking = false;

  constructor(ask: AskTopics) {
    this.#ask = ask;
  }

  /** @returns the way to stop. Rejects with ClientFault REFUSED, or as asking does */
  async add(topics: readonly Topic[], hear: (push: TopicPush) => void): Promise<() => void> {
    const subscriber = { topics, hear };
    this.#subscribers.add(subscriber);
    try {
      const reply = await this.#ask('subscribe', topics);
      if (!reply.ok) throw new ClientFault('REFUSED', `${reply.code}: ${reply.message}`);
    } catch (fault) {
      this.#subscribers.delete(subscriber);
      throw fault;
    }
    return () => this.#remove(subscriber);
  }

  hear(push: TopicPush): void {
    for (const { topics, hear } of this.#subscribers) if (topics.includes(push.push)) hear(push);
  }

  /** There is a new line. What was asked on the last one, and not answered, is sent again with everything else. */
  renew(): void {
    const topics = this.#topics();
    if (topics.length === 0 || this.#isAsking) return;
    this.#isAsking = true;
    const over = () => {
      this.#isAsking = false;
    };
    this.#ask('subscribe', topics, { isUrgent: true }).then(over, over);
  }

  #remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    const left = this.#topics();
    const unheard = subscriber.topics.filter((topic) => !left.includes(topic));
    if (unheard.length > 0) this.#ask('unsubscribe', unheard).catch(() => {});
  }

  #topics(): readonly Topic[] {
    return [...new Set([...this.#subscribers].flatMap(({ topics }) => topics))];
  }
}
