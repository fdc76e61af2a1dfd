import { printable } from './printable.ts';
import { shorten } from './shorten.ts';
import { painter, type Terminal } from './terminal.ts';

const WIDTH = 24;
/** Spaces, the percentage, and the last column, which some terminals wrap at. */
const BESIDE = 11;
const DEFAULT_COLUMNS = 80;
const SHORTEST_MESSAGE = 8;

/** A bar that is drawn over itself on a terminal's stderr; nothing anywhere else. */
class ProgressLine {
  readonly #terminal: Terminal;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #label: string;
  #drawn: string | undefined;

  constructor(label: string, terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.#label = label;
    this.#terminal = terminal;
    this.#environment = environment;
    this.update(0);
  }

  /** `fraction`: 0 .. 1. `message`: what is being done; cut where the line ends. */
  update(fraction: number, message = ''): void {
    const percent = Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
    const { stderr } = this.#terminal;
    const room = (stderr.columns ?? DEFAULT_COLUMNS) - this.#label.length - WIDTH - BESIDE;
    const told = room > SHORTEST_MESSAGE ? shorten(printable(message), room) : '';
    const state = `${percent} ${told}`;
    if (stderr.isTTY !== true || state === this.#drawn) return;
    this.#drawn = state;
    const paint = painter(stderr, this.#environment);
    const filled = Math.round((percent / 100) * WIDTH);
    const bar = paint('cyan', '━'.repeat(filled)) + paint('dim', '━'.repeat(WIDTH - filled));
    stderr.write(`\r\u001B[K  ${this.#label} ${bar} ${percent}%${told === '' ? '' : `  ${paint('dim', told)}`}`);
  }

  end(): void {
    if (this.#drawn !== undefined) this.#terminal.stderr.write('\r\u001B[K');
  }
}

/** Shows the progress of `work` for as long as it takes. */
export async function withProgress<Result>(
  label: string,
  { terminal, environment }: { readonly terminal: Terminal; readonly environment: NodeJS.ProcessEnv },
  work: (onProgress: (fraction: number, message?: string) => void) => Promise<Result>,
): Promise<Result> {
  const line = new ProgressLine(label, terminal, environment);
  try {
    return await work((fraction, message) => line.update(fraction, message));
  } finally {
    line.end();
  }
}
