interface Waiter<Event> {
  readonly resolve: (result: IteratorResult<Event, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Read events are dropped in blocks of this many. */
const COMPACT_EVENTS = 1024;

/**
 * Events from the conductor to one consumer. Written out instead of an async generator because `return` must free the sequence even
 * while a `next` waits, and because a token should cost one turn of the microtask queue, not three. A slow consumer holds nobody
 * up: what it has not read is kept, bounded by what one generation can produce (`maxTokens`, the context).
 */
export class EventStream<Event> implements AsyncIterableIterator<Event, undefined> {
  readonly #onOpen: (stream: EventStream<Event>) => void;
  readonly #onLeave: () => void;
  readonly #waiters: Waiter<Event>[] = [];
  #events: Event[] = [];
  #read = 0;
  #opened = false;
  #ended = false;
  #error: { readonly reason: unknown } | undefined;

  /** `onOpen` runs at the first `next`; what it throws is what that rejects with. `onLeave` runs when the consumer goes early. */
  constructor(onOpen: (stream: EventStream<Event>) => void, onLeave: () => void) {
    this.#onOpen = onOpen;
    this.#onLeave = onLeave;
  }

  push(event: Event): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#events.push(event);
    else waiter.resolve({ done: false, value: event });
  }

  /** No more events. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  /** The consumer gets what is there, then the error. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#error = { reason };
    else waiter.reject(reason);
    this.end();
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    if (!this.#opened) {
      this.#opened = true;
      try {
        this.#onOpen(this);
      } catch (error) {
        this.fail(error);
      }
    }
    if (this.#read < this.#events.length) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#error !== undefined) {
      const { reason } = this.#error;
      this.#error = undefined;
      return Promise.reject(reason);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Event, undefined>> {
    const early = this.#opened && !this.#ended;
    this.#opened = true;
    this.#events = [];
    this.#read = 0;
    this.#error = undefined;
    this.end();
    if (early) this.#onLeave();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Event {
    const event = this.#events[this.#read] as Event;
    this.#read += 1;
    if (this.#read === this.#events.length || this.#read === COMPACT_EVENTS) {
      this.#events.splice(0, this.#read);
      this.#read = 0;
    }
    return event;
  }
}
