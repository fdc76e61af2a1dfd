import { MeshMachine } from './mesh-machine.ts';
import type { TestNetwork } from './network.ts';

/** What the interfaces of the tests' segments are. */
export const TYPES = { eth0: 'wired', wifi0: 'wifi', tb0: 'thunderbolt' };

/** The first machine founds the mesh, the others come with its code; all of them know each other then. */
export async function machines(
  network: TestNetwork,
  count: number,
  options: Record<string, unknown> = {},
): Promise<readonly MeshMachine[]> {
  const first = await MeshMachine.start(network, 1, { types: TYPES, ...options });
  const code = await first.tell('found');
  const others = await Promise.all(
    Array.from({ length: count - 1 }, async (_, index) =>
      MeshMachine.start(network, index + 2, { types: TYPES, code, ...options }),
    ),
  );
  const all = [first, ...others];
  await Promise.all(all.flatMap((one) => all.filter((other) => other !== one).map(async (other) => one.sees(other, 'alive'))));
  return all;
}

export async function stop(all: readonly MeshMachine[]): Promise<void> {
  await Promise.all(all.map(async (machine) => machine[Symbol.asyncDispose]()));
}

/** From when both of two machines were up until one knew the other as a member, milliseconds, for each pair both ways. */
export async function admissionsMs(all: readonly MeshMachine[]): Promise<readonly number[]> {
  const waits: number[] = [];
  for (const one of all)
    for (const other of all) {
      if (one === other) continue;
      const upMs = Math.max(...[one, other].map(({ events }) => events.find(({ event }) => event === 'ready')?.atMs ?? 0));
      waits.push((await one.sees(other, 'alive')).atMs - upMs);
    }
  return waits;
}
