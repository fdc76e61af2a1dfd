import { writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import type { z } from 'zod';
import { callAgent } from '../control/client.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { benchOperation, type benchFiguresSchema } from '../operations/bench-operation.ts';
import { downOperation, psOperation, upOperation, type RingReport } from '../operations/ring-operations.ts';
import type { BenchWords } from '../program-bench.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { painter } from '../terminal/terminal.ts';
import { benchPlot } from '../views/bench-plot.ts';
import { benchView } from '../views/bench-view.ts';
import type { CommandContext } from './context.ts';
import { wholeNumber } from './whole-number.ts';

/** One placement's figures. */
export interface BenchResult {
  /** `studio 1-22 + air 23-28` */
  readonly placement: string;
  readonly stages: RingReport['stages'];
  readonly predictedRate: number;
  /** Until the first answer was possible, milliseconds; undefined: it was up already. */
  readonly swapMs: number | undefined;
  readonly figures: z.output<typeof benchFiguresSchema>;
}

/** `pippa-agent bench <model>`: measures it as it runs, or over each number of stages asked for. */
export async function bench(context: CommandContext, model: string, words: BenchWords): Promise<ExitCode> {
  const { terminal, environment, paths, interrupts } = context;
  const signal = interrupts.asked;
  const plan = {
    model,
    tokens: wholeNumber('--tokens', words.tokens),
    promptTokens: wholeNumber('--prompt', words.prompt),
    rounds: wholeNumber('--rounds', words.rounds),
    concurrency: numbers('--concurrency', words.concurrency),
  };
  const wanted = words.stages === undefined ? [undefined] : numbers('--stages', words.stages);
  const results: BenchResult[] = [];
  for (const stages of wanted) {
    let swapMs: number | undefined;
    if (stages !== undefined) {
      const startedMs = performance.now();
      await callAgent(paths.socket, downOperation, { model }, { signal });
      await withProgress(`Loading over ${stages}`, context, (onProgress) =>
        callAgent(paths.socket, upOperation, { model, stages }, { onEvent: ({ fraction }) => onProgress(fraction), signal }),
      );
      swapMs = performance.now() - startedMs;
    }
    const figures = await withProgress('Measuring', context, (onProgress) =>
      callAgent(paths.socket, benchOperation, plan, { onEvent: ({ fraction }) => onProgress(fraction), signal }),
    );
    const rings = await callAgent(paths.socket, psOperation, {}, { signal });
    const ring = rings.find((each) => each.model === model) ?? rings[0];
    results.push({
      placement: (ring?.stages ?? []).map(({ node, from, to }) => `${node} ${from + 1}-${to}`).join(' + '),
      stages: ring?.stages ?? [],
      predictedRate: ring?.predictedTokensPerSecond ?? 0,
      swapMs,
      figures,
    });
  }
  if (words.svg !== undefined) await writeFile(words.svg, benchPlot(model, results));
  terminal.stdout.write(
    words.json ? `${JSON.stringify(results, undefined, 2)}\n` : benchView(model, results, painter(terminal.stdout, environment)),
  );
  return EXIT.ok;
}

function numbers(flag: string, text: string): number[] {
  return text.split(',').map((part) => wholeNumber(flag, part.trim()));
}
