import { createInterface, type Interface } from 'node:readline';
import type { Terminal } from '../terminal/terminal.ts';

export type Input =
  | { readonly kind: 'line'; readonly text: string }
  /** Ctrl-C */
  | { readonly kind: 'interrupt' }
  /** Ctrl-D */
  | { readonly kind: 'end' };

/** Lines that may wait while an answer is written (a pasted text). More are dropped. */
const MAX_WAITING_LINES = 1000;

/** Lines typed at a terminal, with editing and history. */
export class LineReader {
  readonly #interface: Interface;
  readonly #waiting: Input[] = [];
  #wake: (() => void) | undefined;
  #interrupt: (() => void) | undefined;
  /** What was typed, newest first. */
  history: readonly string[];

  constructor(terminal: Terminal, history: readonly string[], historySize: number) {
    this.history = history;
    this.#interface = createInterface({
      input: terminal.stdin,
      output: terminal.stdout,
      terminal: true,
      history: [...history],
      historySize,
      removeHistoryDuplicates: true,
    });
    this.#interface.on('line', (text) => this.#push({ kind: 'line', text }));
    this.#interface.on('history', (lines) => void (this.history = [...lines]));
    this.#interface.on('close', () => this.#push({ kind: 'end' }));
    this.#interface.on('SIGINT', () => (this.#interrupt === undefined ? this.#push({ kind: 'interrupt' }) : this.#interrupt()));
  }

  /** Text on the line that is being typed. */
  get pending(): string {
    return this.#interface.line;
  }

  /** Shows the prompt and waits for the next input. */
  async next(prompt: string): Promise<Input> {
    this.#interface.setPrompt(prompt);
    if (this.#waiting.length === 0) this.#interface.prompt();
    for (;;) {
      const input = this.#waiting.shift();
      if (input !== undefined) return input;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  /** While `work` runs, Ctrl-C calls `interrupt` instead of being an input. */
  async during<Result>(work: () => Promise<Result>, interrupt: () => void): Promise<Result> {
    this.#interrupt = interrupt;
    try {
      return await work();
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** Empties the line that is being typed. */
  discard(): void {
    this.#interface.write(null, { ctrl: true, name: 'e' });
    this.#interface.write(null, { ctrl: true, name: 'u' });
  }

  close(): void {
    this.#interface.close();
  }

  #push(input: Input): void {
    if (this.#waiting.length >= MAX_WAITING_LINES && input.kind === 'line') return;
    this.#waiting.push(input);
    this.#wake?.();
  }
}
