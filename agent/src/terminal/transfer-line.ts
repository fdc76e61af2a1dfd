import { formatBytes, formatDuration } from '@pippa/core';
import type { PullProgress } from '@pippa/models';
import { painter, type Terminal } from './terminal.ts';

const WIDTH = 24;
/** Drawn at most so often. */
const DRAW_MS = 100;
/** Without a terminal a line is written for every so many percent. */
const PLAIN_STEP = 10;

/** How far a download is: a bar with rate and time left on a terminal's stderr, a line now and then anywhere else. */
export class TransferLine {
  readonly #terminal: Terminal;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #label: string;
  readonly #nowMs: () => number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #step = 0;
  #phase: PullProgress['phase'] | undefined;

  constructor(label: string, terminal: Terminal, environment: NodeJS.ProcessEnv, nowMs: () => number) {
    this.#label = label;
    this.#terminal = terminal;
    this.#environment = environment;
    this.#nowMs = nowMs;
  }

  update(progress: PullProgress): void {
    const fraction = progress.totalBytes === 0 ? 0 : Math.min(1, progress.doneBytes / progress.totalBytes);
    const percent = Math.floor(fraction * 100);
    const text = describe(progress);
    if (this.#terminal.stderr.isTTY !== true) {
      const step = Math.floor(percent / PLAIN_STEP);
      if (progress.phase !== 'downloading' || step <= this.#step) return;
      this.#step = step;
      this.#terminal.stderr.write(`${this.#label} ${percent}%  ${text}\n`);
      return;
    }
    const nowMs = this.#nowMs();
    if (nowMs - this.#drawnMs < DRAW_MS && progress.phase === this.#phase && percent < 100) return;
    this.#drawnMs = nowMs;
    this.#phase = progress.phase;
    const paint = painter(this.#terminal.stderr, this.#environment);
    const filled = Math.round(fraction * WIDTH);
    const bar = paint('cyan', '━'.repeat(filled)) + paint('dim', '━'.repeat(WIDTH - filled));
    this.#terminal.stderr.write(`\r\u001B[K  ${this.#label} ${bar} ${percent}%  ${paint('dim', text)}`);
  }

  end(): void {
    if (this.#terminal.stderr.isTTY === true && this.#phase !== undefined) this.#terminal.stderr.write('\r\u001B[K');
  }
}

/** `1.2 GB of 4.7 GB, 48.0 MB/s, 1 min 14 s left` */
function describe({ phase, doneBytes, totalBytes, bytesPerSecond, remainingMs }: PullProgress): string {
  if (phase === 'checking') return 'checking';
  const amount = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  if (bytesPerSecond === 0 || remainingMs === undefined) return amount;
  if (doneBytes >= totalBytes) return `${amount}, ${formatBytes(bytesPerSecond)}/s`;
  return `${amount}, ${formatBytes(bytesPerSecond)}/s, ${formatDuration(remainingMs)} left`;
}
