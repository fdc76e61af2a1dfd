import { formatBytes } from '@pippa/core';
import type { RingReport } from '../operations/ring-operations.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';

/** What `pippa-agent ps` prints: a ring a row, a stage a line. */
export function ringsView(rings: readonly RingReport[], paint: Paint): string {
  if (rings.length === 0)
    return `${paint('dim', 'Nothing is loaded. A request for a model loads it, and so does `pippa-agent up`.')}\n`;
  const rows = rings.map((ring) => [
    paint('bold', printable(ring.model)),
    stateCell(ring, paint),
    [
      ...ring.stages.map((stage) => stageLine(stage)),
      ...(ring.spares ?? []).map((spare) => paint('dim', `${stageLine(spare)}, spare`)),
    ].join('\n'),
    `${ring.parallelSequences} x ${ring.contextTokens}`,
    ring.contextUse === undefined ? '-' : `${Math.round(ring.contextUse * 100)}%`,
    ring.waiting > 0 ? `${ring.running} + ${ring.waiting} waiting` : String(ring.running),
    rate(ring.predictedTokensPerSecond),
    rate(ring.measuredTokensPerSecond),
    ring.recoveries === undefined ? '-' : String(ring.recoveries),
  ]);
  const head = ['MODEL', 'STATE', 'STAGES', 'CONTEXT', 'USED', 'RUNNING', 'PREDICTED', 'MEASURED', 'MENDED'];
  return `${table(head, rows, paint)}\n`;
}

/** What `pippa-agent up` prints: where the layers are and why. */
export function ringView(ring: RingReport, paint: Paint): string {
  const stages = ring.stages.map((stage) => `  ${printable(stage.node)}: ${layers(stage)}, ${formatBytes(stage.memoryBytes)}`);
  const reasons = (ring.reasons ?? []).map((reason) => paint('dim', `  ${printable(reason)}`));
  const speed = ring.predictedTokensPerSecond > 0 ? `, about ${rate(ring.predictedTokensPerSecond)} expected` : '';
  return `${[`${paint('bold', printable(ring.model))} is up${speed}.`, ...stages, ...reasons].join('\n')}\n`;
}

function stageLine(stage: RingReport['stages'][number]): string {
  return `${printable(stage.node)} ${layers(stage)} ${formatBytes(stage.memoryBytes)}`;
}

/** Counted from 0, as everywhere: in plans, logs and refusals. */
function layers({ from, to }: { readonly from: number; readonly to: number }): string {
  return to - from === 1 ? `layer ${from}` : `layers ${from}-${to - 1}`;
}

function rate(tokensPerSecond: number): string {
  return tokensPerSecond > 0 ? `${Number(tokensPerSecond.toPrecision(2))} t/s` : '-';
}

function stateCell({ state, loadedFraction }: RingReport, paint: Paint): string {
  if (loadedFraction !== undefined) return paint('yellow', `${state} ${Math.floor(100 * loadedFraction)}%`);
  if (state === 'ready') return paint('green', state);
  return paint('yellow', state);
}
