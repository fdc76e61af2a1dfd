import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { RelayData } from './faulty-network-relay.ts';
import type { NodePlace } from './node-place.ts';
import { LinkConditions, type LinkCondition } from './link-conditions.ts';

const run = promisify(execFile);
const ip = (...parameters: readonly string[]): Promise<unknown> => run('ip', parameters, { timeout: 10_000 });

export const GOOD_LINK: LinkCondition = { delayMs: 0, lostShare: 0 };

let opened = 0;

/**
 * Machines (network namespaces) with one cable from each to every other one, which delay packets or lose them as they are told. Nothing of
 * it touches the host's network. Needs Linux and root.
 */
export class FaultyNetwork implements AsyncDisposable {
  readonly places: readonly NodePlace[];
  readonly #relay: Worker;
  readonly #conditions: LinkConditions;

  private constructor(machines: readonly string[], relay: Worker, conditions: LinkConditions) {
    this.places = machines.map((machine, index) => ({ machine, address: `10.79.0.${index + 1}` }));
    this.#relay = relay;
    this.#conditions = conditions;
  }

  /** Throws where namespaces or TUN interfaces are not allowed. */
  static async open(count: number): Promise<FaultyNetwork> {
    opened += 1;
    // Interfaces have names of at most 15 characters.
    const machines = Array.from({ length: count }, (_, index) => `pp${process.pid}n${opened}m${index + 1}`);
    const conditions = new LinkConditions(count);
    const data: RelayData = { interfaces: machines, conditions: conditions.shared };
    const relay = new Worker(new URL('faulty-network-relay.ts', import.meta.url), { workerData: data });
    await once(relay, 'message');
    const network = new FaultyNetwork(machines, relay, conditions);
    try {
      for (const { machine: name, address } of network.places) {
        await ip('netns', 'add', name);
        await ip('link', 'set', name, 'netns', name);
        await ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', name);
        await ip('-n', name, 'link', 'set', name, 'up');
        await ip('-n', name, 'link', 'set', 'lo', 'up');
      }
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Both ways between two machines, by their places. */
  between(one: number, other: number, condition: LinkCondition): void {
    this.#conditions.set(one, other, condition);
    this.#conditions.set(other, one, condition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { machine } of this.places) await ip('netns', 'del', machine).catch(() => {});
    await this.#relay.terminate();
  }
}
