import { formatBytes } from '@pippa/core';
import type { RingReport, UpReport } from '../operations/ring-operations.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';

/** What `pippa-agent ps` prints: a ring a row, a stage a line; it fits 80 columns with names of the usual length. */
export function ringsView(rings: readonly RingReport[], paint: Paint): string {
  if (rings.length === 0)
    return `${paint('dim', 'Nothing is loaded. A request for a model loads it, and so does `pippa-agent up`.')}\n`;
  const rows = rings.map((ring) => [
    [paint('bold', printable(ring.model)), stateCell(ring, paint), ...remarks(ring).map((remark) => paint('dim', remark))].join(
      '\n',
    ),
    [
      ...ring.stages.map((stage) => stageLine(stage)),
      ...(ring.spares ?? []).map((spare) => paint('dim', `${stageLine(spare)}, spare`)),
    ].join('\n'),
    [
      `${ring.running} of ${ring.parallelSequences} running`,
      ...(ring.waiting > 0 ? [paint('yellow', `${ring.waiting} waiting`)] : []),
      paint('dim', `context ${ring.contextTokens}`),
      ...(ring.contextUse === undefined ? [] : [paint('dim', `${Math.round(ring.contextUse * 100)}% of it used`)]),
    ].join('\n'),
    [
      ring.measuredTokensPerSecond > 0 ? rate(ring.measuredTokensPerSecond) : 'not measured',
      ...(ring.predictedTokensPerSecond > 0 ? [paint('dim', `${rate(ring.predictedTokensPerSecond)} predicted`)] : []),
    ].join('\n'),
  ]);
  const head = ['MODEL', 'STAGES', 'ANSWERS', 'SPEED'];
  return `${table(head, rows, paint)}\n`;
}

/** How a ring was asked for. */
export interface AskedRing {
  readonly context?: number;
  readonly strategy?: string;
  readonly activations?: string;
}

/** What `pippa-agent up` prints: where the layers are and why. */
export function ringView(ring: UpReport, asked: AskedRing, paint: Paint): string {
  const stages = ring.stages.map((stage) => `  ${printable(stage.node)}: ${layers(stage)}, ${formatBytes(stage.memoryBytes)}`);
  const reasons = (ring.reasons ?? []).map((reason) => paint('dim', `  ${printable(reason)}`));
  const speed = ring.predictedTokensPerSecond > 0 ? `, about ${rate(ring.predictedTokensPerSecond)} expected` : '';
  const head = `${paint('bold', printable(ring.model))} ${ring.wasUp === true ? 'was up already' : 'is up'}${speed}.`;
  const copies = (ring.copies ?? []).map(
    (copy) => `  a copy on ${copy.stages.map((stage) => `${printable(stage.node)}: ${layers(stage)}`).join(', ')}`,
  );
  const context = `  ${ring.parallelSequences} x ${ring.contextTokens} tokens of context`;
  return `${[head, ...stages, context, ...reasons, ...copies, ...notes(ring, asked, paint)].join('\n')}\n`;
}

/** What was asked for and is otherwise. */
function notes({ wasUp, model, contextTokens }: RingReport, asked: AskedRing, paint: Paint): string[] {
  const { context, strategy, activations } = asked;
  if (wasUp === true) {
    if ([context, strategy, activations].every((wish) => wish === undefined)) return [];
    return [
      `${paint('yellow', '!')} It stays as it was. To have it as asked for now, take it down first: pippa-agent down ${printable(model)}`,
    ];
  }
  if (context === undefined || context <= contextTokens) return [];
  return [`${paint('yellow', '!')} It was made for no more than ${contextTokens} tokens of context.`];
}

function remarks({ isCopy, recoveries = 0 }: RingReport): string[] {
  return [
    ...(isCopy === true ? ['a copy'] : []),
    ...(recoveries > 0 ? [`mended ${recoveries === 1 ? 'once' : `${recoveries} times`}`] : []),
  ];
}

function stageLine(stage: RingReport['stages'][number]): string {
  return `${printable(stage.node)} ${layers(stage)} ${formatBytes(stage.memoryBytes)}`;
}

/** Counted from 0, as everywhere: in plans, logs and refusals. */
function layers({ from, to }: { readonly from: number; readonly to: number }): string {
  return to - from === 1 ? `layer ${from}` : `layers ${from}-${to - 1}`;
}

function rate(tokensPerSecond: number): string {
  return `${Number(tokensPerSecond.toPrecision(2))} t/s`;
}

function stateCell({ state, loadedFraction }: RingReport, paint: Paint): string {
  if (loadedFraction !== undefined) return paint('yellow', `${state} ${Math.floor(100 * loadedFraction)}%`);
  if (state === 'ready') return paint('green', state);
  return paint('yellow', state);
}
