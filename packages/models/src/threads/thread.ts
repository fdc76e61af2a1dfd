import { Worker } from 'node:worker_threads';
import { StoppedError } from '@pippa/core';

export interface ThreadEvents<Report> {
  onReport(report: Report): void;
  /** Called once when the thread has ended, whoever ended it. */
  onGone(reason: unknown): void;
}

/** A worker thread that gets orders and reports. It keeps no process alive unless it is told to. */
export class Thread<Order, Report> {
  readonly #worker: Worker;

  constructor(entry: URL, events: ThreadEvents<Report>, workerData?: object) {
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    this.#worker = new Worker(entry, { execArgv, workerData });
    this.#worker.unref();
    let isGone = false;
    const gone = (reason: unknown): void => {
      if (!isGone) events.onGone(reason);
      isGone = true;
    };
    this.#worker.on('message', (report: Report) => events.onReport(report));
    this.#worker.on('error', gone);
    this.#worker.on('exit', () => gone(new StoppedError('A thread that moves models has ended.')));
  }

  post(order: Order, move: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, move);
  }

  /** Whether the process stays alive for it. */
  hold(isNeeded: boolean): void {
    if (isNeeded) this.#worker.ref();
    else this.#worker.unref();
  }

  stop(): void {
    void this.#worker.terminate();
  }
}
