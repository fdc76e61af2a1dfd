import { formatBytes, type ModelManifest } from '@pippa/core';
import { SPEED_MODEL, type Placed, type PlacementResult, type Refused, type Wish } from '@pippa/planner';
import type { PlanNodes } from '../plan/plan-nodes.ts';
import { columns } from '../terminal/columns.ts';
import { printable } from '../terminal/printable.ts';
import type { Paint } from '../terminal/terminal.ts';
import { shorten } from '../terminal/shorten.ts';

export interface PlanShown {
  readonly manifest: ModelManifest;
  readonly place: PlanNodes;
  readonly wish: Wish;
  readonly result: PlacementResult;
}

const HEAD = ['NODE', 'LAYERS', 'WEIGHTS', 'CONTEXT', 'WORKING', 'MEMORY', 'BUDGET', 'A TOKEN'];
const RIGHT = [2, 3, 4, 5, 6, 7];

/** What `pippa-agent plan` prints. */
export function planView({ manifest, place, wish, result }: PlanShown, paint: Paint): string {
  const conversations = `${wish.parallelSequences} x ${wish.contextTokens} tokens`;
  const count = `${place.nodes.length} ${place.nodes.length === 1 ? 'node' : 'nodes'}`;
  const about = `${manifest.layers.length} layers, ${formatBytes(manifest.fileBytes)}, ${conversations}, ${count} of ${place.source}`;
  return [
    `${paint('bold', printable(manifest.name))}  ${paint('dim', printable(about))}`,
    '',
    ...(result.kind === 'placed' ? placedLines(result, place, paint) : refusedLines(result, paint)),
    '',
  ].join('\n');
}

function placedLines(placed: Placed, place: PlanNodes, paint: Paint): string[] {
  const rows = placed.stages.map(({ peer, from, to, memory, computeMs }) => {
    const node = place.nodes.find((each) => each.peer === peer);
    const share =
      node === undefined ? '' : `${Math.round((100 * memory.total) / node.budgetBytes)}% of ${formatBytes(node.budgetBytes)}`;
    return [
      shorten(printable(node?.name ?? peer), 24),
      to - from === 1 ? String(from) : `${from}-${to - 1}`,
      ...[memory.weights, memory.context, memory.compute, memory.total].map(formatBytes),
      share,
      `${computeMs.toFixed(1)} ms`,
    ];
  });
  const [head = '', ...lines] = columns([HEAD, ...rows], RIGHT);
  const { decodeTokensPerSecond, throughputTokensPerSecond, prefillTokensPerSecond, firstTokenMs, networkShare } = placed.predicted;
  const figures = [
    ['one answer', `${rate(decodeTokensPerSecond)}, ${(100 * networkShare).toFixed(1)}% of it in the network`],
    ['many at once', rate(throughputTokensPerSecond)],
    [
      'prompts',
      `${rate(prefillTokensPerSecond)}; ${(firstTokenMs / 1000).toFixed(2)} s for one of ${SPEED_MODEL.promptTokens} tokens`,
    ],
  ];
  return [
    paint('dim', head),
    ...lines,
    '',
    ...columns(figures.map(([label = '', value = '']) => [paint('dim', label.padEnd(14)), value])),
    '',
    ...placed.reasons.map((reason) => `${paint('blue', '·')} ${printable(reason)}`),
    ...placed.warnings.map((warning) => `${paint('yellow', '!')} ${printable(warning)}`),
  ];
}

function refusedLines(refused: Refused, paint: Paint): string[] {
  return [
    ...refused.reasons.map((reason) => `${paint('red', '✗')} ${printable(reason)}`),
    ...refused.suggestions.map((suggestion) => `${paint('cyan', '→')} ${printable(suggestion)}`),
  ];
}

function rate(tokensPerSecond: number): string {
  return `${tokensPerSecond >= 100 ? tokensPerSecond.toFixed(0) : tokensPerSecond.toFixed(1)} tokens/s`;
}
