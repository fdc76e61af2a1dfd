/**
 * One node in a process of its own: `node mesh-process.ts '{"name":"a","directory":"/tmp/x"}'`. Says what happens as lines of JSON, does
 * what it is told by lines of JSON, and ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { networkInterfaces } from 'node:os';
import { createMesh, openMeshState, type InterfaceType } from '@pippa/mesh';
import { blankCard } from '@pippa/testing';

interface Options {
  readonly name: string;
  readonly directory: string;
  readonly code?: string;
  readonly peers?: readonly string[];
  /** Interface names to types. */
  readonly types?: Readonly<Record<string, InterfaceType>>;
  readonly settings?: Record<string, number>;
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const say = (event: string, fields: object = {}): void => {
  process.stdout.write(`${JSON.stringify({ event, atMs: Date.now(), ...fields })}\n`);
};

const { peer: _peer, version: _version, protocolVersion: _protocolVersion, ...card } = blankCard(options.name);
const mesh = createMesh({
  state: await openMeshState(options.directory),
  card,
  peers: options.peers ?? [],
  settings: options.settings ?? {},
  classifyInterface: (address) => {
    const found = Object.entries(networkInterfaces()).find(([, entries]) => entries?.some((entry) => entry.address === address));
    return options.types?.[found?.[0] ?? ''] ?? 'unknown';
  },
});
mesh.onPeersChanged((peer) =>
  say('peer', { id: peer.id, state: peer.state, name: peer.card?.name, type: peer.link.interfaceType, load: peer.card?.load }),
);
mesh.answer('test/echo', async (question) => question);
if (options.code !== undefined) await mesh.join(options.code);
await mesh.start();
say('ready', { self: mesh.self, addresses: mesh.addresses });

const commands: Record<string, (argument: string) => Promise<unknown>> = {
  found: async () => {
    await mesh.found();
    return mesh.inviteCode;
  },
  seek: async () => mesh.seek({ waitMs: 5_000 }),
  ask: async () => mesh.askToJoin({ onWords: (words) => say('words', { words }) }),
  pending: async () => mesh.pendingJoins,
  approve: async (name) => mesh.approve(name),
  kick: async (name) => mesh.kick(name),
  load: async (load) => mesh.updateCard({ load: Number(load) }),
  peers: async () => mesh.peers().map(({ id, state, card: { name } = { name: '' }, link }) => ({ id, state, name, link })),
  problems: async () => mesh.problems,
  echo: async (peer) => mesh.request(peer as typeof mesh.self, 'test/echo', 'echo', { timeoutMs: 3_000 }),
  throughput: async (peer) => mesh.measureThroughput(peer as typeof mesh.self),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, argument } = JSON.parse(line) as { id: number; command: string; argument: string };
  try {
    say('answer', { id, value: (await commands[command]?.(argument)) ?? null });
  } catch (error) {
    say('answer', { id, error: error instanceof Error ? error.name : String(error) });
  }
}
await mesh.stop();
