import { formatDuration } from '@pippa/core';
import { shareOfSolo, type BenchFailure, type BenchOutcome, type BenchResult } from '../bench/bench-result.ts';
import { BENCH_MARKS, judgeFirstToken, judgeRate } from '../bench/marks.ts';
import { printable } from '../terminal/printable.ts';
import { shorten } from '../terminal/shorten.ts';
import { table } from '../terminal/table.ts';
import type { Paint } from '../terminal/terminal.ts';

const COLOURS = { good: 'green', fair: 'yellow', slow: 'red', late: 'yellow' } as const;
const LONGEST_STAGE = 32;

/** What `pippa-agent bench` prints: a placement a row, predictions beside what was measured. */
export function benchView(model: string, outcomes: readonly BenchOutcome[], paint: Paint): string {
  const measured = outcomes.filter((outcome) => outcome.kind === 'measured');
  const failed = outcomes.filter((outcome) => outcome.kind === 'failed');
  const [first] = measured;
  return [
    `${paint('bold', printable(model))}${first === undefined ? '' : `  ${paint('dim', measuredWith(first))}`}`,
    ...(first === undefined ? [] : [oneStream(measured, outcomes, paint), ...streams(measured, paint), legend(measured, paint)]),
    ...failed.map((failure) => failureLines(failure, paint)),
    '',
  ].join('\n\n');
}

function measuredWith({ figures: { tokens, promptTokens } }: BenchResult): string {
  return `answers of ${tokens} tokens, prompts of ${promptTokens}, medians`;
}

function oneStream(measured: readonly BenchResult[], outcomes: readonly BenchOutcome[], paint: Paint): string {
  const head = ['PLACEMENT', 'DECODE', 'OF SOLO', 'PREFILL', 'FIRST TOKEN', 'NETWORK', 'SWAP'];
  const rows = measured.map((result) => {
    const { predictedRate, swapMs, figures } = result;
    const { p50, p99 } = figures.firstTokenMs;
    const ofSolo = shareOfSolo(result, outcomes);
    const [speed, start] = [judgeRate(figures.decodeRate), judgeFirstToken(p50)];
    return [
      stagesCell(result),
      `${rate(figures.decodeRate)} ${paint(COLOURS[speed], speed)}\n${predictedRate > 0 ? paint('dim', `${rate(predictedRate)} predicted`) : ''}`,
      ofSolo === undefined ? '-' : `${ofSolo.toFixed(2)}x`,
      rate(figures.prefillRate),
      `${formatDuration(p50)} ${paint(COLOURS[start], start)}\n${paint('dim', `p99 ${formatDuration(p99)}`)}`,
      figures.networkShare === undefined ? '-' : `${Math.round(figures.networkShare * 100)}%`,
      swapMs === undefined ? '-' : formatDuration(swapMs),
    ];
  });
  return table(head, rows, paint);
}

/** All streams together; none when none were asked for. */
function streams(measured: readonly BenchResult[], paint: Paint): string[] {
  const counts = measured[0]?.figures.concurrency.map((each) => each.streams) ?? [];
  if (counts.length === 0) return [];
  const head = ['ALL STREAMS TOGETHER', ...counts.map((count) => (count === 1 ? '1 STREAM' : `${count} STREAMS`))];
  const rows = measured.map((result) => [stagesCell(result), ...result.figures.concurrency.map((each) => rate(each.rate))]);
  return [table(head, rows, paint)];
}

function legend(measured: readonly BenchResult[], paint: Paint): string {
  const { goodRate, slowRate, firstTokenMs } = BENCH_MARKS;
  const slots = Math.min(...measured.map(({ parallelSequences }) => parallelSequences));
  const most = Math.max(0, ...measured.flatMap(({ figures }) => figures.concurrency.map((each) => each.streams)));
  const others = measured.some(({ otherRings }) => otherRings > 0);
  return [
    `In a conversation ${goodRate} t/s and more are good, below ${slowRate} is slow; a first token within ${firstTokenMs} ms feels immediate.`,
    'NETWORK: share of a token that no stage computes. SWAP: until another placement was ready.',
    ...(most > slots ? [`Of more than ${slots} streams some wait for their turn (--parallel).`] : []),
    ...(others ? ['More copies of the model came up for the streams (--copies) and had their part of them.'] : []),
  ]
    .map((line) => paint('dim', line))
    .join('\n');
}

function failureLines({ asked, error, hint }: BenchFailure, paint: Paint): string {
  return [
    `${paint('red', '✗')} ${printable(asked)}: ${printable(error)}`,
    ...(hint === undefined ? [] : [`  ${printable(hint)}`]),
  ].join('\n');
}

function stagesCell({ placement }: BenchResult): string {
  return placement.map((stage) => shorten(printable(stage), LONGEST_STAGE)).join('\n');
}

function rate(tokensPerSecond: number): string {
  return `${Number(tokensPerSecond.toPrecision(3))} t/s`;
}
