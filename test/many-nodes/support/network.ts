import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NodePlace } from '../../support/node-place.ts';

const run = promisify(execFile);

async function ip(...parameters: readonly string[]): Promise<void> {
  await run('ip', parameters, { timeout: 10_000 });
}

/** Why networks of the test's own can't be made here; undefined when they can. Prints it once, so that a skip has its reason. */
export async function whyNoNetworks(): Promise<string | undefined> {
  const name = `pippa-try-${process.pid}`;
  try {
    await ip('netns', 'add', name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('netns', 'del', name);
    return undefined;
  } catch (error) {
    const reason = `network namespaces cannot be made here: ${error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : ''}`;
    console.log(`skipped: ${reason}`);
    return reason;
  }
}

export interface Segment {
  /** What the interface is called in every machine: `wifi0`, `tb0`. */
  readonly interface: string;
  /** `10.77.0`: machine n gets `.n`. Left out: no IPv4. */
  readonly ipv4?: string;
  /** `fd77`: machine n gets `fd77::n`. Left out: no IPv6. */
  readonly ipv6?: string;
}

/** Machines on switches of their own: a network namespace each, bridges in another one. Nothing of it touches the host's network. */
export class TestNetwork implements AsyncDisposable {
  readonly #prefix: string;
  readonly #segments: readonly Segment[];
  readonly #machines: string[] = [];

  private constructor(prefix: string, segments: readonly Segment[]) {
    this.#prefix = prefix;
    this.#segments = segments;
  }

  static async create(machines: number, segments: readonly Segment[]): Promise<TestNetwork> {
    const network = new TestNetwork(`pp${process.pid}x${Math.floor(Math.random() * 1_000)}`, segments);
    try {
      await network.#build(machines);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** The command that runs `command` on machine `number` (1 ..). */
  command(number: number, command: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.#machine(number), ...command];
  }

  /** Machine `number` as `openMeshNodes` of the benches' harness takes it, by its IPv4 on a segment. */
  place(number: number, segment = 0): NodePlace {
    return { machine: this.#machine(number), address: `${this.#segment(segment).ipv4 ?? ''}.${number}` };
  }

  /** Pulls or plugs the cable of a machine, at the switch: the machine itself sees its interface stay up. */
  async cable(number: number, segment: number, plugged: boolean): Promise<void> {
    await ip('-n', this.#switch, 'link', 'set', `s${segment}m${number}`, plugged ? 'up' : 'down');
  }

  /** Cuts a segment in two: these machines on one side, all others on the other. None: it is whole again. */
  async partition(numbers: readonly number[], segment = 0): Promise<void> {
    for (const number of Array.from(this.#machines, (_, index) => index + 1)) {
      const port = `s${segment}m${number}`;
      const bridge = `br${segment}${numbers.includes(number) ? 'b' : ''}`;
      await ip('-n', this.#switch, 'link', 'set', port, 'master', bridge);
    }
  }

  /** Takes an interface of a machine away with its addresses, or brings it back. */
  async interface(number: number, segment: number, there: boolean): Promise<void> {
    const { interface: name } = this.#segment(segment);
    await ip('-n', this.#machine(number), 'link', 'set', name, there ? 'up' : 'down');
    if (there) await this.#address(number, segment);
    else await ip('-n', this.#machine(number), 'addr', 'flush', 'dev', name);
  }

  /** What a machine has sent over a segment so far, bytes on the wire: Ethernet, IP and TCP headers and acknowledgements included. */
  async sentBytes(number: number, segment: number): Promise<number> {
    const counter = `/sys/class/net/${this.#segment(segment).interface}/statistics/tx_bytes`;
    const { stdout } = await run('ip', ['netns', 'exec', this.#machine(number), 'cat', counter], { timeout: 10_000 });
    return Number(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#machines, this.#switch]) await ip('netns', 'del', name).catch(() => {});
  }

  get #switch(): string {
    return `${this.#prefix}sw`;
  }

  #machine(number: number): string {
    return `${this.#prefix}m${number}`;
  }

  #segment(index: number): Segment {
    const segment = this.#segments[index];
    if (segment === undefined) throw new RangeError(`There is no segment ${index}.`);
    return segment;
  }

  async #build(machines: number): Promise<void> {
    await ip('netns', 'add', this.#switch);
    for (const index of this.#segments.keys()) {
      // The second one is for the other half of a partition.
      for (const bridge of [`br${index}`, `br${index}b`]) {
        await ip('-n', this.#switch, 'link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0');
        await ip('-n', this.#switch, 'link', 'set', bridge, 'up');
      }
    }
    for (let number = 1; number <= machines; number++) {
      await ip('netns', 'add', this.#machine(number));
      this.#machines.push(this.#machine(number));
      await ip('-n', this.#machine(number), 'link', 'set', 'lo', 'up');
      for (const index of this.#segments.keys()) await this.#plug(number, index);
    }
  }

  async #plug(number: number, index: number): Promise<void> {
    const machine = this.#machine(number);
    const { interface: name } = this.#segment(index);
    const port = `s${index}m${number}`;
    await ip('-n', this.#switch, 'link', 'add', port, 'type', 'veth', 'peer', 'name', name, 'netns', machine);
    await ip('-n', this.#switch, 'link', 'set', port, 'master', `br${index}`);
    await ip('-n', this.#switch, 'link', 'set', port, 'up');
    await ip('-n', machine, 'link', 'set', name, 'up');
    await this.#address(number, index);
  }

  async #address(number: number, index: number): Promise<void> {
    const machine = this.#machine(number);
    const { interface: name, ipv4, ipv6 } = this.#segment(index);
    if (ipv4 !== undefined) await ip('-n', machine, 'addr', 'replace', `${ipv4}.${number}/24`, 'dev', name);
    if (ipv6 !== undefined) await ip('-n', machine, 'addr', 'replace', `${ipv6}::${number}/64`, 'dev', name, 'nodad');
  }
}
