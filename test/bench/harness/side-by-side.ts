import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openEngine } from '@pippa/llama';

/** Bare loops of one thread each that know nothing of each other: together they show how much the machine's cores can do at once. */
export class SideBySide implements AsyncDisposable {
  readonly #workers: readonly Worker[];
  #seed = 0;

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  static async open(path: string, count: number): Promise<SideBySide> {
    openEngine();
    const url = new URL('./bare-worker.ts', import.meta.url);
    const workers = Array.from({ length: count }, () => new Worker(url, { workerData: { path } }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new SideBySide(workers);
  }

  /** Tokens a second of the first `count` loops together. */
  async speed(count: number, tokens: number): Promise<number> {
    const speeds = await Promise.all(
      this.#workers.slice(0, count).map(async (worker) => {
        const reported = once(worker, 'message') as Promise<[number]>;
        worker.postMessage({ tokens, seed: (this.#seed += 1) });
        return (await reported)[0];
      }),
    );
    return speeds.reduce((sum, speed) => sum + speed, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
