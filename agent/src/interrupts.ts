import { InterruptedError } from './errors.ts';

type StopSignal = 'SIGINT' | 'SIGTERM';

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

/**
 * One Ctrl-C can arrive twice: from the terminal, and passed on by `npm` or `npx`. Nobody presses it twice within this time; sending
 * another signal counts at once.
 */
const ECHO_MS = 100;

/**
 * Ctrl-C (SIGINT) and SIGTERM: the first asks to stop (`asked`), the second insists (`insisted`). Both abort with an
 * `InterruptedError`. Disposing gives the signals back their own meaning.
 */
export class Interrupts implements Disposable {
  readonly #asked = new AbortController();
  readonly #insisted = new AbortController();
  readonly #source: SignalSource;
  readonly #listener: (signal: StopSignal) => void;

  /** `nowMs`: monotonic milliseconds. */
  constructor(source: SignalSource, nowMs: () => number) {
    let first: { readonly signal: StopSignal; readonly atMs: number } | undefined;
    this.#source = source;
    this.#listener = (signal) => {
      if (first?.signal === signal && nowMs() - first.atMs < ECHO_MS) return;
      first ??= { signal, atMs: nowMs() };
      const controller = this.#asked.signal.aborted ? this.#insisted : this.#asked;
      controller.abort(new InterruptedError('Interrupted.'));
    };
    source.on('SIGINT', this.#listener);
    source.on('SIGTERM', this.#listener);
  }

  /** Ctrl-C as a key: where a prompt reads the terminal it is no signal. */
  request(): void {
    this.#asked.abort(new InterruptedError('Interrupted.'));
  }

  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  get insisted(): AbortSignal {
    return this.#insisted.signal;
  }

  [Symbol.dispose](): void {
    this.#source.off('SIGINT', this.#listener);
    this.#source.off('SIGTERM', this.#listener);
  }
}

/** Settles when the signal has been given. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
