import { createMesh, foundMesh, memoryMeshState, type Membership, type MeshNode, type MeshOptions } from '@pippa/mesh';
import { blankCard } from '@pippa/testing';
import { defineBench, type BenchContext, type Figure } from './harness/define.ts';
import { median, quantile } from './harness/statistics.ts';

const LOOPBACK = process.platform === 'darwin' ? 'lo0' : 'lo';
/** Long enough for several heartbeats of everybody. */
const QUIET_MS = 4_000;
const FRAMES = 1_000;

async function start(name: string, membership: Membership, options: Partial<MeshOptions>): Promise<MeshNode> {
  const { peer: _peer, version: _version, protocolVersion: _protocolVersion, ...card } = blankCard(name);
  const node = createMesh({ state: await memoryMeshState({ membership }), card, listen: { hosts: ['127.0.0.1'] }, ...options });
  await node.start();
  return node;
}

function knowsAll(node: MeshNode, others: number): boolean {
  return node.peers().filter(({ state, card }) => state === 'alive' && card !== undefined).length === others;
}

/** Each node is looked at when something of its own changed: looking at all every time would cost more than the mesh. */
async function untilAllKnowAll(nodes: readonly MeshNode[]): Promise<void> {
  await Promise.all(
    nodes.map(
      async (node) =>
        new Promise<void>((resolve) => {
          const look = (): void => {
            if (!knowsAll(node, nodes.length - 1)) return;
            stop();
            resolve();
          };
          const stop = node.onPeersChanged(look);
          look();
        }),
    ),
  );
}

async function stopAll(nodes: readonly MeshNode[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => node.stop()));
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** From the start of the second node to both knowing each other, by multicast on the loopback. */
async function discoveryMs(): Promise<number> {
  const membership = foundMesh();
  const options = { discovery: { port: 20_000 + Math.floor(Math.random() * 20_000) }, interfaces: [LOOPBACK] };
  const one = await start('one', membership, options);
  const startMs = performance.now();
  const two = await start('two', membership, options);
  await untilAllKnowAll([one, two]);
  const tookMs = performance.now() - startMs;
  await stopAll([one, two]);
  return tookMs;
}

/** All of one process: the first stands, the others come at once and know a few of those before them. */
async function convergence(count: number): Promise<{ readonly wallMs: number; readonly processorMs: number }> {
  const membership = foundMesh();
  const nodes: MeshNode[] = [];
  const before = process.cpuUsage();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    const peers = [1, 2, 3].flatMap(() => nodes[Math.floor(Math.random() * nodes.length)]?.addresses ?? []);
    nodes.push(await start(`n${i}`, membership, { discovery: false, peers }));
  }
  await untilAllKnowAll(nodes);
  const wallMs = performance.now() - startMs;
  const used = process.cpuUsage(before);
  await stopAll(nodes);
  return { wallMs, processorMs: (used.user + used.system) / 1_000 };
}

/** Of ten nodes that have nothing to say to each other; then of one change of a card. */
async function traffic(): Promise<{ readonly steady: number; readonly change: number }> {
  const membership = foundMesh();
  const nodes: MeshNode[] = [];
  for (let i = 0; i < 10; i++) nodes.push(await start(`n${i}`, membership, { discovery: false, peers: nodes[0]?.addresses ?? [] }));
  await untilAllKnowAll(nodes);
  await sleep(QUIET_MS);
  const sent = (): number => nodes.reduce((sum, node) => sum + node.traffic.sentBytes, 0);
  const firstBytes = sent();
  await sleep(QUIET_MS);
  const quietBytes = sent() - firstBytes;
  const [first] = nodes;
  const changes = 10;
  const secondBytes = sent();
  const startMs = performance.now();
  for (let i = 1; i <= changes; i++) {
    first?.updateCard({ load: i / changes });
    await sleep(250);
  }
  const extraBytes = sent() - secondBytes - (quietBytes / QUIET_MS) * (performance.now() - startMs);
  await stopAll(nodes);
  return { steady: quietBytes / nodes.length / (QUIET_MS / 1_000), change: Math.max(0, extraBytes / changes / (nodes.length - 1)) };
}

async function roundTrips(context: BenchContext): Promise<Figure[]> {
  const membership = foundMesh();
  const one = await start('one', membership, { discovery: false });
  const two = await start('two', membership, { discovery: false, peers: one.addresses });
  await untilAllKnowAll([one, two]);
  one.handle('bench/echo', (stream) => stream.onFrame(({ header, payload }) => void stream.send(header, payload)));
  one.answer('bench/question', async (question) => question);
  const stream = await two.open(one.self, 'bench/echo');
  let arrived = (): void => {};
  stream.onFrame(() => arrived());
  const echo = async (payload: Uint8Array): Promise<void> => {
    const back = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await stream.send(0, payload);
    await back;
  };
  const measure = async (count: number, once: () => Promise<unknown>): Promise<number[]> => {
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const startMs = performance.now();
      await once();
      samples.push(performance.now() - startMs);
    }
    return samples;
  };
  const figures: Figure[] = [];
  for (const bytes of [64, 8_192, 65_536]) {
    const payload = new Uint8Array(bytes);
    await measure(FRAMES, async () => echo(payload));
    const rounds: number[][] = [];
    for (let round = 0; round < context.rounds; round++) rounds.push(await measure(FRAMES, async () => echo(payload)));
    const target = bytes === 8_192 ? { target: { atMost: 0.4 } } : {};
    figures.push({ name: `frame of ${bytes} bytes there and back, p50`, unit: 'ms', samples: rounds.map(median), ...target });
    figures.push({
      name: `frame of ${bytes} bytes there and back, p99`,
      unit: 'ms',
      samples: rounds.map((samples) => quantile(samples, 0.99)),
    });
  }
  const questions: number[] = [];
  for (let round = 0; round < context.rounds; round++)
    questions.push(median(await measure(200, async () => two.request(one.self, 'bench/question', round))));
  figures.push({ name: 'question and answer, p50', unit: 'ms', samples: questions });
  await stopAll([one, two]);
  return figures;
}

async function rounds<Value>(context: BenchContext, what: string, once: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let round = 0; round < context.rounds; round++) {
    context.log(`${what}, ${round + 1} of ${context.rounds}`);
    values.push(await once());
  }
  return values;
}

export default defineBench({
  title: 'the mesh on one machine: discovery, convergence, what it costs at rest, streams',
  rounds: 3,
  async run(context) {
    const figures: Figure[] = [
      {
        name: 'discovered and admitted, 2 nodes',
        unit: 'ms',
        samples: await rounds(context, 'discovery', discoveryMs),
        target: { atMost: 2_000 },
      },
    ];
    for (const count of [2, 10, 50]) {
      const measured = await rounds(context, `${count} nodes`, async () => convergence(count));
      const name = `all know all, ${count} nodes of one process`;
      const target = count === 50 ? { target: { atMost: 5 } } : {};
      figures.push({ name, unit: 's', samples: measured.map(({ wallMs }) => wallMs / 1_000), ...target });
      figures.push({ name: `${name}, processor time`, unit: 's', samples: measured.map(({ processorMs }) => processorMs / 1_000) });
    }
    const cost = await rounds(context, 'traffic', traffic);
    figures.push({
      name: 'sent at rest by each of 10 nodes, TCP payload',
      unit: 'bytes/s',
      samples: cost.map(({ steady }) => steady),
    });
    figures.push({
      name: 'one changed field of a card, to each peer',
      unit: 'bytes',
      samples: cost.map(({ change }) => change),
      target: { atMost: 1_000 },
    });
    return [...figures, ...(await roundTrips(context))];
  },
});
