import { randomPrompt } from './harness/bench-model.ts';
import { defineBench } from './harness/define.ts';
import { foundMesh } from '@pippa/mesh';
import { ratios } from './harness/statistics.ts';
import { openMeshNodes, type MeshRingOptions } from './harness/mesh-ring.ts';
import type { RemoteNode } from '../support/remote-node.ts';

const GIB = 1024 ** 3;
/** Tokens before the loss, and after it. */
const BEFORE = 500;
const AFTER = 24;
/** Tokens over which the rate before the loss is taken. */
const RATED_FROM = 200;
/** An answer in the middle of which a node joins: after so many tokens of so many. */
const JOINED_AT = 100;
const JOINED_TOKENS = 400;
/** A spare is looked for every 5 seconds and loaded in one or two. */
const SPARE_WITHIN_MS = 30_000;

interface Loss {
  /** From the last token before the kill to the first one after it, milliseconds; the others are parts of it. */
  readonly pauseMs: number;
  readonly loadMs: number;
  readonly replayMs: number;
  readonly replayedRows: number;
  /** Finding the other stages again, and what else went by from the loss to the first step. */
  readonly linkMs: number;
  /** Noticing the loss, and the step of the first token. */
  readonly restMs: number;
  /** Tokens a second before it. */
  readonly rate: number;
}

const HOUSE: Omit<MeshRingOptions, 'nodes'> = { contextTokens: 1024, parallelSequences: 2, budgetBytes: GIB / 2 };

/** Kills the node of the middle stage in the middle of an answer; another one has room for its layers, or has them already. */
async function lose(round: number, keepsSpares: boolean): Promise<Loss> {
  const nodes = await openMeshNodes({ ...HOUSE, nodes: 4, keepsSpares });
  const [first] = nodes as [RemoteNode];
  try {
    const stages = (await first.ask({ kind: 'up', stages: 3 })) as readonly { readonly from: number }[];
    const from = stages[1]?.from ?? 0;
    const victim = await holderOf(nodes, from);
    if (keepsSpares) await untilSpared(first, from);
    const generating = first.generate(randomPrompt(16, round), BEFORE + AFTER, -1);
    while ((await first.facts()).generatedTokens < BEFORE) await new Promise((resolve) => setTimeout(resolve, 20));
    victim.signal('SIGKILL');
    const { arrivedMs } = await generating;
    const pauseMs = Math.max(...arrivedMs.slice(1).map((ms, index) => ms - (arrivedMs[index] ?? ms)));
    const [recovery] = (await first.facts()).recoveries;
    if (recovery === undefined) throw new Error('The ring was not mended.');
    const { durationMs, loadMs, replayMs, replayedRows } = recovery;
    const rate = ((BEFORE - RATED_FROM) * 1000) / ((arrivedMs[BEFORE - 1] ?? 0) - (arrivedMs[RATED_FROM - 1] ?? 0));
    const linkMs = durationMs - loadMs - replayMs;
    return { pauseMs, loadMs, replayMs, replayedRows, linkMs, restMs: pauseMs - durationMs, rate };
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}

/** Tokens a second of an answer over three nodes from its 100th token on; with `joins`, a fourth one joins then and is made a spare. */
async function rateWhile(round: number, joins: boolean): Promise<number> {
  const membership = foundMesh();
  const nodes = [...(await openMeshNodes({ ...HOUSE, membership, nodes: 3, keepsSpares: true }))];
  const [first] = nodes as [RemoteNode];
  try {
    await first.ask({ kind: 'up', stages: 3 });
    const generating = first.generate(randomPrompt(16, round), JOINED_TOKENS, -1);
    while ((await first.facts()).generatedTokens < JOINED_AT) await new Promise((resolve) => setTimeout(resolve, 20));
    if (joins) nodes.push(...(await openMeshNodes({ ...HOUSE, membership, nodes: 1, keepsSpares: true, peers: first.addresses })));
    const { arrivedMs } = await generating;
    const { spares } = await first.facts();
    if (joins !== spares.length > 0) throw new Error(`${spares.length} spares were loaded during the answer.`);
    return ((JOINED_TOKENS - JOINED_AT) * 1000) / ((arrivedMs[JOINED_TOKENS - 1] ?? 0) - (arrivedMs[JOINED_AT - 1] ?? 0));
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}

async function holderOf(nodes: readonly RemoteNode[], from: number): Promise<RemoteNode> {
  for (const node of nodes.slice(1)) {
    const { stages } = await node.facts();
    if (stages.some((stage) => stage.from === from)) return node;
  }
  throw new Error(`Nobody holds the layers from ${from} on.`);
}

async function untilSpared(conductor: RemoteNode, from: number): Promise<void> {
  const sinceMs = performance.now();
  while (!(await conductor.facts()).spares.some((spare) => spare.from === from)) {
    if (performance.now() - sinceMs > SPARE_WITHIN_MS) throw new Error(`No spare of the layers from ${from} on was loaded.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export default defineBench({
  title:
    'a node of three is killed 500 tokens into an answer, with and without a spare of its layers: the pause that the client sees',
  rounds: 3,
  async run({ rounds, log }) {
    const losses: Record<'with' | 'without', Loss[]> = { with: [], without: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const variant of ['with', 'without'] as const) {
        const loss = await lose(round, variant === 'with');
        losses[variant].push(loss);
        log(
          `round ${round + 1}, ${variant} a spare: a pause of ${Math.round(loss.pauseMs)} ms, ${loss.replayedRows} rows sent again, ${loss.rate.toFixed(1)} tokens/s before`,
        );
      }
    }
    const rates: Record<'joined' | 'alone', number[]> = { joined: [], alone: [] };
    for (let round = 0; round < rounds; round += 1) {
      rates.alone.push(await rateWhile(round, false));
      rates.joined.push(await rateWhile(round, true));
      log(
        `round ${round + 1}: ${rates.joined[round]?.toFixed(1)} tokens/s while a spare joins, ${rates.alone[round]?.toFixed(1)} without`,
      );
    }
    const samples = (variant: 'with' | 'without', key: keyof Loss): number[] => losses[variant].map((loss) => loss[key]);
    return [
      ...(['with', 'without'] as const).flatMap((variant) => [
        {
          name: `pause ${variant} a spare`,
          unit: 'ms',
          samples: samples(variant, 'pauseMs'),
          ...(variant === 'with' ? { target: { atMost: 1000 } } : {}),
        },
        { name: `of it: finding a place, loading (${variant})`, unit: 'ms', samples: samples(variant, 'loadMs') },
        { name: `of it: linking (${variant})`, unit: 'ms', samples: samples(variant, 'linkMs') },
        { name: `of it: sending again what is lacking (${variant})`, unit: 'ms', samples: samples(variant, 'replayMs') },
        { name: `of it: noticing, and the first step (${variant})`, unit: 'ms', samples: samples(variant, 'restMs') },
        { name: `rows sent again (${variant})`, unit: '', samples: samples(variant, 'replayedRows') },
      ]),
      {
        name: 'decode with a spare that is kept up to date / without',
        unit: 'x',
        samples: losses.with.map((loss, index) => loss.rate / (losses.without[index]?.rate ?? Number.NaN)),
        target: { atLeast: 0.9 },
      },
      {
        name: 'decode while a node joins and is made a spare / without',
        unit: 'x',
        samples: ratios(rates.joined, rates.alone),
        target: { atLeast: 0.9 },
      },
    ];
  },
});
