import { writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import { errorMessage, PippaError } from '@pippa/core';
import type { z } from 'zod';
import { askedPlacements, type AskedPlacement } from '../bench/asked-placements.ts';
import { measuredOf, type BenchFailure, type BenchOutcome, type BenchResult } from '../bench/bench-result.ts';
import { BENCH_MARKS } from '../bench/marks.ts';
import { callAgent } from '../control/client.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findNode } from '../mesh/find-node.ts';
import { BENCH_LIMITS, benchOperation } from '../operations/bench-operation.ts';
import { statusOperation } from '../operations/mesh-operations.ts';
import { downOperation, upOperation, type RingReport } from '../operations/ring-operations.ts';
import type { BenchWords } from '../program-bench.ts';
import { printable } from '../terminal/printable.ts';
import { withProgress } from '../terminal/progress-line.ts';
import { painter } from '../terminal/terminal.ts';
import { benchPlot } from '../views/bench-plot.ts';
import { benchView } from '../views/bench-view.ts';
import type { CommandContext } from './context.ts';
import { wholeNumber } from './whole-number.ts';

type Plan = z.input<typeof benchOperation.input>;

/** `pippa-agent bench <model>`: measures it as it runs, or in each placement asked for, and leaves it loaded if it was before. */
export async function bench(context: CommandContext, model: string, words: BenchWords): Promise<ExitCode> {
  const { terminal, environment } = context;
  const plan = planOf(model, words);
  const asked = askedPlacements(words.stages, words.nodes ?? []);
  await checkNodes(asked, context);
  const outcomes =
    asked.length === 0 ? [await measure(plan, 'Measuring', undefined, context)] : await measureEach(asked, plan, context);
  const name = measuredOf(outcomes)[0]?.model ?? model;
  if (words.svg !== undefined) await draw(words.svg, benchPlot(name, measuredOf(outcomes)));
  terminal.stdout.write(
    words.json
      ? `${JSON.stringify({ model: name, marks: BENCH_MARKS, placements: outcomes }, undefined, 2)}\n`
      : benchView(name, outcomes, painter(terminal.stdout, environment)),
  );
  return outcomes.every(({ kind }) => kind === 'measured') ? EXIT.ok : EXIT.failure;
}

function planOf(model: string, words: BenchWords): Plan {
  const { tokens, promptTokens, rounds, streams, concurrencies } = BENCH_LIMITS;
  const concurrency = words.concurrency.split(',').map((part) => wholeNumber('--concurrency', part.trim(), streams));
  if (concurrency.length > concurrencies) throw new UsageError(`--concurrency: at most ${concurrencies} numbers.`);
  return {
    model,
    tokens: wholeNumber('--tokens', words.tokens, tokens),
    promptTokens: wholeNumber('--prompt', words.prompt, promptTokens),
    rounds: wholeNumber('--rounds', words.rounds, rounds),
    concurrency,
  };
}

/** A name that is wrong is told before anything is unloaded. */
async function checkNodes(asked: readonly AskedPlacement[], { paths, interrupts }: CommandContext): Promise<void> {
  const names = asked.flatMap(({ nodes = [] }) => nodes);
  if (names.length === 0) return;
  const { self, peers } = await callAgent(paths.socket, statusOperation, {}, { signal: interrupts.asked });
  const known = [self, ...peers.flatMap(({ card }) => (card === undefined ? [] : [card]))];
  for (const name of names) findNode(name, known);
}

/** One after the other. What cannot be had is told beside what can; alone it is thrown. */
async function measureEach(asked: readonly AskedPlacement[], plan: Plan, context: CommandContext): Promise<BenchOutcome[]> {
  const { paths, interrupts } = context;
  const signal = interrupts.asked;
  const { model } = plan;
  const takeDown = () => callAgent(paths.socket, downOperation, { model, forget: false }, { signal });
  const outcomes: BenchOutcome[] = [];
  let before: Awaited<ReturnType<typeof takeDown>> | undefined;
  for (const placement of asked) {
    const startedMs = performance.now();
    const taken = await takeDown();
    before ??= taken;
    try {
      const { stages } = await bringUp(model, `Loading over ${placement.label}`, { keep: false, ...askedOf(placement) }, context);
      const result = await measure(plan, `Measuring over ${placement.label}`, performance.now() - startedMs, context);
      outcomes.push(isDeepStrictEqual(placesOf(stages), placesOf(result.stages)) ? result : moved(placement, result));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PippaError) || asked.length === 1) throw error;
      outcomes.push(failure(placement, error));
    }
  }
  await takeDown();
  if (before !== undefined && before.length > 0) {
    await bringUp(model, 'Loading it again', { keep: before.some(({ isKept }) => isKept) }, context);
  }
  return outcomes;
}

function askedOf({ stages, nodes }: AskedPlacement): { readonly stages: number; readonly nodes?: string[] } {
  return { stages, ...(nodes === undefined ? {} : { nodes: [...nodes] }) };
}

async function bringUp(
  model: string,
  label: string,
  change: Omit<z.input<typeof upOperation.input>, 'model'>,
  context: CommandContext,
): Promise<RingReport> {
  const { paths, interrupts } = context;
  return withProgress(printable(label), context, (onProgress) =>
    callAgent(
      paths.socket,
      upOperation,
      { model, ...change },
      { onEvent: ({ fraction, message }) => onProgress(fraction, message), signal: interrupts.asked },
    ),
  );
}

async function measure(plan: Plan, label: string, swapMs: number | undefined, context: CommandContext): Promise<BenchResult> {
  const { paths, interrupts } = context;
  const { figures, ring, otherRings } = await withProgress(printable(label), context, (onProgress) =>
    callAgent(paths.socket, benchOperation, plan, {
      onEvent: ({ fraction, message }) => onProgress(fraction, message),
      signal: interrupts.asked,
    }),
  );
  return {
    kind: 'measured',
    model: ring.model,
    placement: ring.stages.map(({ node, from, to }) => `${node} ${to - from === 1 ? from : `${from}-${to - 1}`}`),
    stages: ring.stages,
    parallelSequences: ring.parallelSequences,
    predictedRate: ring.predictedTokensPerSecond,
    swapMs,
    figures,
    otherRings,
  };
}

function placesOf(stages: RingReport['stages']): readonly string[] {
  return stages.map(({ node, from, to }) => `${node} ${from}-${to - 1}`);
}

/** Its figures are of something else than what was asked for. */
function moved({ label }: AskedPlacement, { placement }: BenchResult): BenchFailure {
  const error = `A node went, or became slow, while it was measured: it runs on ${placement.join(', ')} now.`;
  return { kind: 'failed', asked: label, error, hint: 'Measure it again when the nodes are up.' };
}

function failure({ label }: AskedPlacement, error: PippaError): BenchFailure {
  return { kind: 'failed', asked: label, error: errorMessage(error), hint: error.hint };
}

async function draw(path: string, drawing: string): Promise<void> {
  try {
    await writeFile(path, drawing);
  } catch (cause) {
    throw new UsageError(`The drawing cannot be written: ${errorMessage(cause)}.`, { cause });
  }
}
