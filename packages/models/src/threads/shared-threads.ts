import { Thread } from './thread.ts';

/** A thread and what of several owners it has in hand, by number. */
export interface SharedThread<Order, Report, Waiting> {
  readonly thread: Thread<Order, Report>;
  readonly inHand: Map<number, Waiting>;
}

export interface SharedThreadsOptions<Order, Report, Waiting> {
  readonly entry: URL;
  readonly most: number;
  readonly onReport: (report: Report, shared: SharedThread<Order, Report, Waiting>) => void;
  /** A thread has ended; what it had in hand will get no more reports. */
  readonly onGone: (inHand: readonly Waiting[], reason: unknown) => void;
}

/** A few threads of one kind that share work between them. Started when first needed; idle ones keep no process alive. */
export class SharedThreads<Order, Report, Waiting> {
  readonly #options: SharedThreadsOptions<Order, Report, Waiting>;
  readonly #threads: SharedThread<Order, Report, Waiting>[] = [];
  #next = 0;

  constructor(options: SharedThreadsOptions<Order, Report, Waiting>) {
    this.#options = options;
  }

  /** Starts a thread that will soon be needed: that takes a tenth of a second and more. */
  warm(): void {
    if (this.#threads.length === 0) this.#start();
  }

  /** Gives something to the thread that has the least in hand. */
  take(waiting: Waiting): { readonly number: number; readonly shared: SharedThread<Order, Report, Waiting> } {
    const shared = this.#leastBusy();
    this.#next += 1;
    shared.inHand.set(this.#next, waiting);
    shared.thread.hold(true);
    return { number: this.#next, shared };
  }

  /** It is done with; undefined when it was before. */
  release({ thread, inHand }: SharedThread<Order, Report, Waiting>, number: number): Waiting | undefined {
    const waiting = inHand.get(number);
    inHand.delete(number);
    if (inHand.size === 0) thread.hold(false);
    return waiting;
  }

  tellAll(order: Order): void {
    for (const { thread } of this.#threads) thread.post(order);
  }

  #leastBusy(): SharedThread<Order, Report, Waiting> {
    const idle = this.#threads.find(({ inHand }) => inHand.size === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#options.most) return this.#start();
    return this.#threads.reduce((least, each) => (each.inHand.size < least.inHand.size ? each : least));
  }

  #start(): SharedThread<Order, Report, Waiting> {
    const { entry, onReport, onGone } = this.#options;
    const shared: SharedThread<Order, Report, Waiting> = {
      inHand: new Map(),
      thread: new Thread<Order, Report>(entry, {
        onReport: (report) => onReport(report, shared),
        onGone: (reason) => {
          const index = this.#threads.indexOf(shared);
          if (index >= 0) this.#threads.splice(index, 1);
          const inHand = [...shared.inHand.values()];
          shared.inHand.clear();
          onGone(inHand, reason);
        },
      }),
    };
    this.#threads.push(shared);
    return shared;
  }
}
