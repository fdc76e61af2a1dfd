import { painter, type Terminal } from './terminal.ts';

const WIDTH = 24;

/** A bar that is drawn over itself on a terminal's stderr; nothing anywhere else. */
class ProgressLine {
  readonly #terminal: Terminal;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #label: string;
  #drawn = -1;

  constructor(label: string, terminal: Terminal, environment: NodeJS.ProcessEnv) {
    this.#label = label;
    this.#terminal = terminal;
    this.#environment = environment;
    this.update(0);
  }

  /** `fraction`: 0 .. 1 */
  update(fraction: number): void {
    const percent = Math.floor(Math.min(1, Math.max(0, fraction)) * 100);
    if (this.#terminal.stderr.isTTY !== true || percent === this.#drawn) return;
    this.#drawn = percent;
    const paint = painter(this.#terminal.stderr, this.#environment);
    const filled = Math.round((percent / 100) * WIDTH);
    const bar = paint('cyan', '━'.repeat(filled)) + paint('dim', '━'.repeat(WIDTH - filled));
    this.#terminal.stderr.write(`\r\u001B[K  ${this.#label} ${bar} ${percent}%`);
  }

  end(): void {
    if (this.#drawn >= 0) this.#terminal.stderr.write('\r\u001B[K');
  }
}

/** Shows the progress of `work` for as long as it takes. */
export async function withProgress<Result>(
  label: string,
  { terminal, environment }: { readonly terminal: Terminal; readonly environment: NodeJS.ProcessEnv },
  work: (onProgress: (fraction: number) => void) => Promise<Result>,
): Promise<Result> {
  const line = new ProgressLine(label, terminal, environment);
  try {
    return await work((fraction) => line.update(fraction));
  } finally {
    line.end();
  }
}
