import type { Figure } from './define.ts';
import { median, quantile } from './statistics.ts';

/** A figure as it is written down. */
export interface FigureSummary {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  /** The middle half of the rounds lies between these. */
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
  readonly target?: Figure['target'];
  readonly holds?: boolean;
  readonly samples: readonly number[];
}

export function summarise(figure: Figure): FigureSummary {
  const { name, unit, samples, target } = figure;
  const middle = median(samples);
  const summary = {
    name,
    unit,
    median: middle,
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    rounds: samples.length,
    samples,
  };
  if (target === undefined) return summary;
  return { ...summary, target, holds: 'atLeast' in target ? middle >= target.atLeast : middle <= target.atMost };
}

/** Lines of a Markdown table. */
export function table(figures: readonly FigureSummary[]): string[] {
  const rows = figures.map((figure) => [
    figure.name,
    `${show(figure.median)} ${figure.unit}`,
    figure.rounds === 1 ? '' : `${show(figure.low)} .. ${show(figure.high)}`,
    String(figure.rounds),
    showTarget(figure.target),
    figure.holds === undefined ? '' : figure.holds ? 'yes' : 'NO',
  ]);
  const head = ['figure', 'median', 'middle half', 'rounds', 'wanted', 'holds'];
  const widths = head.map((word, column) => Math.max(word.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function showTarget(target: Figure['target']): string {
  if (target === undefined) return '';
  return 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}

function show(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 3 : 4);
}
