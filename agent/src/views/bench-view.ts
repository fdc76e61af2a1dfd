import { formatDuration } from '@pippa/core';
import type { BenchResult } from '../commands/bench.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';

/** The founding notebook's marks for the interactive lane. */
const MARKS = { rate: 15, warnRate: 8, firstTokenMs: 300 } as const;

/** What `pippa-agent bench` prints: a placement a row, predictions beside what was measured. */
export function benchView(model: string, results: readonly BenchResult[], paint: Paint): string {
  const streams = results[0]?.figures.concurrency.map((each) => each.streams) ?? [];
  const head = ['PLACEMENT', 'DECODE', 'PREDICTED', 'PREFILL', 'FIRST TOKEN p50', 'p99', 'NETWORK'];
  const rows = results.map(({ placement, predictedRate, swapMs, figures }) => [
    printable(placement),
    paint(colourOfRate(figures.decodeRate), rate(figures.decodeRate)),
    predictedRate > 0 ? rate(predictedRate) : '-',
    rate(figures.prefillRate),
    paint(figures.firstTokenMs.p50 <= MARKS.firstTokenMs ? 'green' : 'yellow', formatDuration(figures.firstTokenMs.p50)),
    formatDuration(figures.firstTokenMs.p99),
    figures.networkShare === undefined ? '-' : `${Math.round(figures.networkShare * 100)}%`,
    ...figures.concurrency.map((each) => rate(each.rate)),
    swapMs === undefined ? '-' : formatDuration(swapMs),
  ]);
  const legend = `Marks: ${MARKS.rate} t/s are good and below ${MARKS.warnRate} slow for a conversation; a first token within ${MARKS.firstTokenMs} ms feels immediate.`;
  const all = [...head, ...streams.map((count) => `${count} ${count === 1 ? 'STREAM' : 'STREAMS'}`), 'SWAP'];
  return `${paint('bold', printable(model))}\n\n${table(all, rows, paint)}\n\n${paint('dim', legend)}\n`;
}

function colourOfRate(tokensPerSecond: number): 'green' | 'yellow' | 'red' {
  if (tokensPerSecond >= MARKS.rate) return 'green';
  return tokensPerSecond >= MARKS.warnRate ? 'yellow' : 'red';
}

function rate(tokensPerSecond: number): string {
  return `${Number(tokensPerSecond.toPrecision(3))} t/s`;
}
