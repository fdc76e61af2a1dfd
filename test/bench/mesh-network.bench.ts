import { setTimeout as sleep } from 'node:timers/promises';
import { admissionsMs, machines, stop } from '../many-nodes/support/machines.ts';
import type { MeshMachine } from '../many-nodes/support/mesh-machine.ts';
import { TestNetwork, whyNoNetworks } from '../many-nodes/support/network.ts';
import { defineBench, type Figure } from './harness/define.ts';
import { median } from './harness/statistics.ts';

const WIRED = { interface: 'eth0', ipv4: '10.77.0', ipv6: 'fd77' };
/** Of ten machines that know each other, before and while their traffic is counted: several questions to everybody, and one by multicast. */
const SETTLE_MS = 10_000;
const REST_MS = 40_000;
const CROWD = 10;
const CHANGES = 5;

interface Small {
  readonly admitted: number;
  readonly changed: number;
  readonly suspect: number;
  readonly dead: number;
  readonly killed: number;
}

interface Crowd {
  readonly bytesPerSecond: number;
  readonly suspect: number;
  readonly dead: number;
}

/** Three machines on a switch: how soon they know each other, how soon of a change, of a freeze, and of an end. */
async function smallHouse(_network: TestNetwork, all: readonly MeshMachine[]): Promise<Small> {
  const [near, far, third] = all as [MeshMachine, MeshMachine, MeshMachine];
  const admitted = median(await admissionsMs(all));
  const changes: number[] = [];
  for (let change = 1; change <= CHANGES; change++) {
    const load = change / 10;
    const sinceMs = Date.now();
    await near.tell('load', String(load));
    const heard = await Promise.all([far, third].map((machine) => machine.until((event) => event.load === load, { sinceMs })));
    changes.push(Math.max(...heard.map(({ atMs }) => atMs)) - sinceMs);
    await sleep(300);
  }
  const frozenMs = Date.now();
  far.signal('SIGSTOP');
  const suspect = (await near.sees(far, 'suspect', frozenMs)).atMs - frozenMs;
  const dead = (await near.sees(far, 'dead', frozenMs)).atMs - frozenMs;
  const thawedMs = Date.now();
  far.signal('SIGCONT');
  await near.sees(far, 'alive', thawedMs);
  const killedMs = Date.now();
  third.signal('SIGKILL');
  const killed = (await near.sees(third, 'dead', killedMs)).atMs - killedMs;
  return { admitted, changed: Math.max(...changes), suspect, dead, killed };
}

/** Ten machines with nothing to say: what each sends, and when all suspect one that froze. */
async function crowdAtRest(network: TestNetwork, all: readonly MeshMachine[]): Promise<Crowd> {
  await sleep(SETTLE_MS);
  const sent = async (): Promise<number> => {
    const each = await Promise.all(all.map((_, index) => network.sentBytes(index + 1, 0)));
    return each.reduce((sum, bytes) => sum + bytes, 0);
  };
  const before = await sent();
  const startMs = performance.now();
  await sleep(REST_MS);
  const bytesPerSecond = ((await sent()) - before) / CROWD / ((performance.now() - startMs) / 1_000);
  const [frozen, ...others] = all as [MeshMachine, ...MeshMachine[]];
  const frozenMs = Date.now();
  frozen.signal('SIGSTOP');
  const last = async (state: string): Promise<number> =>
    Math.max(...(await Promise.all(others.map((machine) => machine.sees(frozen, state, frozenMs)))).map(({ atMs }) => atMs)) -
    frozenMs;
  const suspect = await last('suspect');
  return { bytesPerSecond, suspect, dead: await last('dead') };
}

async function withMachines<Result>(
  count: number,
  measure: (network: TestNetwork, all: readonly MeshMachine[]) => Promise<Result>,
): Promise<Result> {
  const network = await TestNetwork.create(count, [WIRED]);
  let all: readonly MeshMachine[] = [];
  try {
    all = await machines(network, count);
    return await measure(network, all);
  } finally {
    await stop(all);
    await network[Symbol.asyncDispose]();
  }
}

export default defineBench({
  title: 'machines of their own on a switch (network namespaces): how soon they know, and what it costs',
  rounds: 5,
  async run({ rounds, log }) {
    const reason = await whyNoNetworks();
    if (reason !== undefined) throw new Error(`Nothing was measured: ${reason}.`);
    const small: Small[] = [];
    for (let round = 0; round < rounds; round++) {
      small.push(await withMachines(3, smallHouse));
      log(`three machines, ${round + 1} of ${rounds}: ${JSON.stringify(small.at(-1))}`);
    }
    const crowd = await withMachines(CROWD, crowdAtRest);
    const of = (name: string, value: (round: Small) => number, atMost: number): Figure => ({
      name,
      unit: 'ms',
      samples: small.map(value),
      target: { atMost },
    });
    return [
      of('discovery to admitted, 3 machines', ({ admitted }) => admitted, 2_000),
      of('a changed card known to all', ({ changed }) => changed, 1_000),
      of('a killed process noticed', ({ killed }) => killed, 300),
      of('a frozen process suspected', ({ suspect }) => suspect, 1_500),
      of('a frozen process dead', ({ dead }) => dead, 3_500),
      { name: `suspected by the last of ${CROWD - 1}`, unit: 'ms', samples: [crowd.suspect], target: { atMost: 1_500 } },
      { name: `dead to the last of ${CROWD - 1}`, unit: 'ms', samples: [crowd.dead], target: { atMost: 3_500 } },
      {
        name: `sent at rest by each of ${CROWD} machines, all headers included`,
        unit: 'bytes/s',
        samples: [crowd.bytesPerSecond],
        target: { atMost: 1_000 },
      },
    ];
  },
});
