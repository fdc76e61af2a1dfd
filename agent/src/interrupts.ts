import { InterruptedError } from './errors.ts';

/** Where signals come from: the process, or a test. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * Ctrl-C (SIGINT) and SIGTERM: the first asks to stop (`asked`), the second insists (`insisted`). Both signals abort with an
 * `InterruptedError`. Disposing gives the signals back their own meaning.
 */
export class Interrupts implements Disposable {
  readonly #asked = new AbortController();
  readonly #insisted = new AbortController();
  readonly #source: SignalSource;
  readonly #listener = (): void => {
    const controller = this.#asked.signal.aborted ? this.#insisted : this.#asked;
    controller.abort(new InterruptedError('Interrupted.'));
  };

  constructor(source: SignalSource) {
    this.#source = source;
    source.on('SIGINT', this.#listener);
    source.on('SIGTERM', this.#listener);
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
