import type { BenchResult } from '../commands/bench.ts';

const WIDTH = 720;
const BAR = 22;
const GAP = 10;
const LEFT = 260;
const TOP = 56;

/** The measured and predicted decode rates of each placement as an SVG drawing, with the notebook's marks. */
export function benchPlot(model: string, results: readonly BenchResult[]): string {
  const largest = Math.max(16, ...results.flatMap(({ figures, predictedRate }) => [figures.decodeRate, predictedRate])) * 1.1;
  const x = (tokensPerSecond: number): number => LEFT + (tokensPerSecond / largest) * (WIDTH - LEFT - 24);
  const height = TOP + results.length * (2 * BAR + GAP) + 40;
  const bars = results.map(({ placement, figures, predictedRate }, index) => {
    const y = TOP + index * (2 * BAR + GAP);
    return [
      `<text x="${LEFT - 8}" y="${y + BAR}" text-anchor="end">${escape(placement)}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${(x(figures.decodeRate) - LEFT).toFixed(1)}" height="${BAR}" fill="#0a7ea4"/>`,
      `<text x="${(x(figures.decodeRate) + 4).toFixed(1)}" y="${y + 16}">${figures.decodeRate.toFixed(1)}</text>`,
      `<rect x="${LEFT}" y="${y + BAR}" width="${(x(predictedRate) - LEFT).toFixed(1)}" height="${BAR / 2}" fill="#9cc5d3"/>`,
    ].join('');
  });
  const marks = [8, 15].map(
    (mark) =>
      `<line x1="${x(mark).toFixed(1)}" x2="${x(mark).toFixed(1)}" y1="${TOP - 8}" y2="${height - 32}" stroke="#b45309" stroke-dasharray="4 3"/>` +
      `<text x="${x(mark).toFixed(1)}" y="${height - 16}" text-anchor="middle" fill="#b45309">${mark} t/s</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="16" y="28" font-size="16" font-weight="600">${escape(model)}: tokens a second, one stream (dark: measured, light: predicted)</text>`,
    ...marks,
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
