/** Events from the conductor to one consumer. Bounded by what a generation can produce: `maxTokens` and the context. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #read = 0;
  #ended = false;
  #error: { readonly reason: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: Event): void {
    if (this.#ended) return;
    this.#events.push(event);
    this.#wake?.();
  }

  /** No more events. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The consumer gets what is there, then the error. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#error = { reason };
    this.end();
  }

  async *drain(): AsyncGenerator<Event, void, undefined> {
    for (;;) {
      while (this.#read < this.#events.length) {
        const event = this.#events[this.#read] as Event;
        this.#read += 1;
        yield event;
      }
      this.#events.length = 0;
      this.#read = 0;
      if (this.#error !== undefined) throw this.#error.reason;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
