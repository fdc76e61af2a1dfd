import type { PeerState } from '@pippa/core';
import { seededRandom } from '@pippa/testing/hostile-frames';
import { expect, it, vi } from 'vitest';
import { foundMesh, memoryMeshState, type MeshNode } from '../src/index.ts';
import { connected, TestNodes, untilPeer } from './support/nodes.ts';
import { slowSockets } from './support/slow-sockets.ts';

const WAIT = { timeout: 8_000, interval: 10 };
const ROUNDS = 6;
const MESSAGES = 15;
const LARGE_BYTES = 300_000;
/** Both dial at once; looks are often, so that the better of two connections is left alone soon. */
const SETTINGS = { heartbeatMs: 25, suspectMs: 5_000, deadMs: 15_000, redialMs: 20, redialMaxMs: 60, dialPatienceMs: 10 };

/** What came over one-way streams at a node: bytes by what was sent. */
class Inbox {
  readonly #bytes = new Map<unknown, number>();
  readonly #waiting = new Map<unknown, { readonly bytes: number; readonly resolve: () => void }>();

  constructor(node: MeshNode) {
    node.handle('test/one-way', (stream) =>
      stream.onFrame(({ header, payload }) => {
        this.#bytes.set(header, (this.#bytes.get(header) ?? 0) + payload.length);
        this.#look(header);
      }),
    );
  }

  async has(header: string, bytes: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.set(header, { bytes, resolve });
      this.#look(header);
    });
  }

  #look(header: unknown): void {
    const waiting = this.#waiting.get(header);
    if (waiting !== undefined && this.#bytes.get(header) === waiting.bytes) waiting.resolve();
  }
}

it('nothing is lost over a network that takes its time, whichever of two connections is given up', async () => {
  const random = seededRandom(5);
  using _slow = slowSockets(10, random);
  await using nodes = new TestNodes();
  const near = await nodes.start('near', { settings: SETTINGS });
  const far = await nodes.start('far', { settings: SETTINGS });
  const inboxes = new Map([near, far].map((node) => [node, new Inbox(node)]));
  for (const node of [near, far]) node.answer('test/echo', async (question) => question);

  const ask = async (from: MeshNode, to: MeshNode, number: number): Promise<void> => {
    expect(await from.request(to.self, 'test/echo', number)).toBe(number);
  };
  /** Closed as soon as all is said: whoever counts streams counts none then, however much is still on its way. */
  const tell = async (from: MeshNode, to: MeshNode, number: number, name: string): Promise<void> => {
    const stream = await from.open(to.self, 'test/one-way', { eager: number % 2 === 0 });
    const bytes = number % 5 === 0 ? LARGE_BYTES : 100;
    for (let frame = 0; frame < 2; frame++) await stream.send(name, new Uint8Array(bytes));
    await stream.close();
    await inboxes.get(to)?.has(name, 2 * bytes);
  };

  for (let round = 0; round < ROUNDS; round++) {
    await connected(near, far);
    const said: Promise<void>[] = [];
    for (let number = 0; number < MESSAGES; number++) {
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const)
        said.push(ask(from, to, number), tell(from, to, number, `${round} ${number} ${from.self}`));
      await ask(near, far, number);
    }
    await Promise.all(said);
    const lost = [near, far].map(async (node) =>
      untilPeer(node, (node === near ? far : near).self, ({ state }) => state !== 'alive'),
    );
    (round % 2 === 0 ? far : near).wake();
    await Promise.all(lost);
  }
});

it('a goodbye arrives before the connection ends', async () => {
  using _slow = slowSockets(20, seededRandom(6));
  await using nodes = new TestNodes();
  const near = await nodes.start('near', { settings: SETTINGS });
  const far = await nodes.start('far', { settings: SETTINGS });
  await connected(near, far);
  const states: PeerState[] = [];
  near.onPeersChanged(({ state }) => states.push(state));
  await far.stop();
  await untilPeer(near, far.self, ({ state }) => state === 'dead');
  expect(states).not.toContain('suspect');
});

it('a refusal arrives before the connection ends', async () => {
  using _slow = slowSockets(20, seededRandom(7));
  await using nodes = new TestNodes();
  const near = await nodes.start('near', { settings: SETTINGS });
  const stranger = await nodes.start('stranger', { state: await memoryMeshState() });
  const asking = stranger.askToJoin();
  asking.catch(() => {});
  await vi.waitFor(() => expect(near.pendingJoins).toHaveLength(1), WAIT);
  near.deny('stranger');
  await expect(asking).rejects.toMatchObject({ code: 'not_approved' });
  const other = await nodes.start('other', { membership: foundMesh(), peers: near.addresses });
  await vi.waitFor(() => expect(other.problems[0]?.code).toBe('wrong_key'), WAIT);
});
