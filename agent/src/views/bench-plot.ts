import type { BenchResult } from '../bench/bench-result.ts';
import { BENCH_MARKS } from '../bench/marks.ts';
import { shorten } from '../terminal/shorten.ts';

const WIDTH = 760;
/** Where the bars begin; left of it stands what they are of. */
const LEFT = 250;
/** For the figure behind the longest bar. */
const RIGHT = 150;
const BAR = 16;
const LINE = 15;
const GAP = 14;
const LONGEST_LABEL = 34;
const LONGEST_TITLE = 80;

const DARK = '#0a7ea4';
const LIGHT = '#9cc5d3';
const MARK = '#b45309';
/** Readable where a mark's line goes through. */
const HALO = 'paint-order="stroke" stroke="#ffffff" stroke-width="4"';

interface Bar {
  readonly value: number;
  readonly text: string;
  readonly colour: string;
}

interface Panel {
  readonly title: string;
  readonly rows: readonly { readonly label: readonly string[]; readonly bars: readonly Bar[] }[];
  readonly marks?: readonly { readonly value: number; readonly text: string }[];
}

/** The figures of each placement as an SVG drawing, with the notebook's marks. */
export function benchPlot(model: string, results: readonly BenchResult[]): string {
  const drawn: string[] = [];
  let y = 52;
  for (const panel of panelsOf(results)) {
    const { svg, height } = drawPanel(panel, y);
    drawn.push(...svg);
    y += height;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    text(16, 28, shorten(model, LONGEST_TITLE), 'font-size="16" font-weight="600"'),
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

function panelsOf(results: readonly BenchResult[]): readonly Panel[] {
  const rows = (bars: (result: BenchResult) => readonly Bar[]): Panel['rows'] =>
    results.map((result) => ({ label: result.placement, bars: bars(result) }));
  const panels: Panel[] = [
    {
      title: 'One stream, tokens a second',
      rows: rows(({ figures, predictedRate }) => [
        { value: figures.decodeRate, text: number(figures.decodeRate), colour: DARK },
        ...(predictedRate > 0 ? [{ value: predictedRate, text: `${number(predictedRate)} predicted`, colour: LIGHT }] : []),
      ]),
      marks: [BENCH_MARKS.slowRate, BENCH_MARKS.goodRate].map((value) => ({ value, text: String(value) })),
    },
    {
      title: 'First token, milliseconds',
      rows: rows(({ figures: { firstTokenMs } }) => [
        { value: firstTokenMs.p50, text: `${number(firstTokenMs.p50)} median`, colour: DARK },
        { value: firstTokenMs.p99, text: `${number(firstTokenMs.p99)} p99`, colour: LIGHT },
      ]),
      marks: [{ value: BENCH_MARKS.firstTokenMs, text: String(BENCH_MARKS.firstTokenMs) }],
    },
    {
      title: `Prompts of ${results[0]?.figures.promptTokens ?? 0} tokens, tokens a second`,
      rows: rows(({ figures }) => [{ value: figures.prefillRate, text: number(figures.prefillRate), colour: DARK }]),
    },
  ];
  if ((results[0]?.figures.concurrency.length ?? 0) === 0) return panels;
  const several = rows(({ figures }) =>
    figures.concurrency.map(({ streams, rate }) => ({
      value: rate,
      text: `${streams === 1 ? '1 stream' : `${streams} streams`}: ${number(rate)}`,
      colour: streams === 1 ? LIGHT : DARK,
    })),
  );
  return [...panels, { title: 'Streams at once, tokens a second of all together', rows: several }];
}

function drawPanel({ title, rows, marks = [] }: Panel, top: number): { readonly svg: readonly string[]; readonly height: number } {
  const values = [...rows.flatMap(({ bars }) => bars.map(({ value }) => value)), ...marks.map(({ value }) => value)];
  const largest = Math.max(Number.EPSILON, ...values);
  const width = (value: number): number => (value / largest) * (WIDTH - LEFT - RIGHT);
  const bars: string[] = [];
  const texts = [text(16, top + 12, title, 'font-weight="600"')];
  let y = top + 26;
  for (const { label, bars: values } of rows) {
    const height = Math.max(label.length * LINE, values.length * BAR);
    const begin = y + (height - label.length * LINE) / 2 + 11;
    for (const [line, part] of label.entries()) {
      texts.push(text(LEFT - 8, begin + line * LINE, shorten(part, LONGEST_LABEL), 'text-anchor="end"'));
    }
    for (const [index, bar] of values.entries()) {
      const at = y + (height - values.length * BAR) / 2 + index * BAR;
      bars.push(
        `<rect x="${LEFT}" y="${at}" width="${Math.max(1, width(bar.value)).toFixed(1)}" height="${BAR - 2}" fill="${bar.colour}"/>`,
      );
      texts.push(text(LEFT + width(bar.value) + 5, at + 11, bar.text, HALO));
    }
    y += height + GAP;
  }
  const lines: string[] = [];
  for (const { value, text: label } of marks) {
    const x = (LEFT + width(value)).toFixed(1);
    lines.push(
      `<line x1="${x}" x2="${x}" y1="${top + 20}" y2="${y - GAP + 4}" stroke="${MARK}" stroke-dasharray="4 3"/>`,
      text(Number(x), y + 4, label, `text-anchor="middle" fill="${MARK}"`),
    );
  }
  return { svg: [...bars, ...lines, ...texts], height: y - top + (marks.length > 0 ? 24 : 12) };
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
