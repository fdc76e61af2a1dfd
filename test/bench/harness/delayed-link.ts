import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { NodePlace } from './mesh-ring.ts';
import type { RelayData } from './delayed-link-relay.ts';

const run = promisify(execFile);
const ip = (...parameters: readonly string[]): Promise<unknown> => run('ip', parameters, { timeout: 10_000 });

const ADDRESSES = ['10.79.0.1', '10.79.0.2'] as const;

/** Two network namespaces with one cable between them on which every packet takes its time. Needs Linux and root. */
export class DelayedLink implements AsyncDisposable {
  readonly #machines: readonly [string, string];
  readonly #relay: Worker;

  private constructor(machines: readonly [string, string], relay: Worker) {
    this.#machines = machines;
    this.#relay = relay;
  }

  /** `delayMs`: one way. Throws where namespaces or TUN interfaces are not allowed. */
  static async open(delayMs: number): Promise<DelayedLink> {
    const machines = [`ppd${process.pid}a`, `ppd${process.pid}b`] as const;
    const data: RelayData = { interfaces: machines, delayMs };
    const relay = new Worker(new URL('delayed-link-relay.ts', import.meta.url), { workerData: data });
    await once(relay, 'message');
    const link = new DelayedLink(machines, relay);
    try {
      for (const [index, name] of machines.entries()) {
        await ip('netns', 'add', name);
        await ip('link', 'set', name, 'netns', name);
        await ip('-n', name, 'addr', 'add', `${ADDRESSES[index]}/24`, 'dev', name);
        await ip('-n', name, 'link', 'set', name, 'up');
        await ip('-n', name, 'link', 'set', 'lo', 'up');
      }
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For `openMeshNodes`. */
  get places(): readonly NodePlace[] {
    return this.#machines.map((machine, index) => ({ machine, address: ADDRESSES[index] ?? '' }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#machines) await ip('netns', 'del', name).catch(() => {});
    await this.#relay.terminate();
  }
}
