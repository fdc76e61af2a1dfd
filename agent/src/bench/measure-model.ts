import { DEFAULT_SAMPLER_SETTINGS, type GenerationUsage, type TokenGenerator } from '@pippa/core';

/** What a bench measures with; all within the bounds of `benchOperation`. */
export interface BenchPlan {
  /** Generated tokens of a decode measurement. */
  readonly tokens: number;
  /** Tokens of the long prompt. */
  readonly promptTokens: number;
  readonly rounds: number;
  /** Streams at once. */
  readonly concurrency: readonly number[];
}

export interface BenchFigures {
  /** One stream, tokens a second. */
  readonly decodeRate: number;
  /** Tokens of a new prompt a second. */
  readonly prefillRate: number;
  /** Of short prompts that are new, milliseconds. */
  readonly firstTokenMs: { readonly p50: number; readonly p99: number };
  /** Share of a token's time that no stage computes: the network, and waiting. 0 .. 1; undefined: not told. */
  readonly networkShare: number | undefined;
  readonly concurrency: readonly { readonly streams: number; readonly rate: number }[];
  /** What was measured with: less than the plan says where the context is short. */
  readonly tokens: number;
  readonly promptTokens: number;
}

const SHORT_PROMPT_TOKENS = 16;
const FIRST_TOKEN_RUNS = 20;
/** Ordinary tokens stand behind the special ones in every vocabulary. */
const FIRST_TOKEN_ID = 300;

interface Generated {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  readonly usage: GenerationUsage | undefined;
}

/** Measures a warm model through whatever ring it runs on. `random`: `[0, 1)`; prompts are new ones each time, so that no cache helps. */
export async function measureModel(
  generator: TokenGenerator,
  plan: BenchPlan,
  parts: {
    readonly vocabularySize: number;
    readonly nowMs: () => number;
    readonly random: () => number;
    readonly onProgress: (fraction: number, message: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<BenchFigures> {
  const { vocabularySize, nowMs, random, onProgress, signal } = parts;
  const prompt = (length: number): Int32Array => {
    const first = Math.min(FIRST_TOKEN_ID, vocabularySize - 1);
    return Int32Array.from({ length }, () => first + Math.floor(random() * (vocabularySize - first)));
  };
  const generate = async (length: number, maxTokens: number): Promise<Generated> => {
    const startedMs = nowMs();
    let firstMs = 0;
    let lastMs = 0;
    let count = 0;
    let usage: GenerationUsage | undefined;
    const sampler = { ...DEFAULT_SAMPLER_SETTINGS, temperature: 0, seed: 1, ignoreEndOfGeneration: true };
    const request = { prompt: prompt(length), sampler, maxTokens, logprobs: -1, lane: 'interactive' as const };
    for await (const event of generator.generate(request, { signal })) {
      if (event.kind === 'end') {
        usage = event.usage;
        continue;
      }
      lastMs = nowMs() - startedMs;
      if (count === 0) firstMs = lastMs;
      count += 1;
    }
    return { firstMs, lastMs, count, usage };
  };

  const contextTokens = generator.contextTokens;
  const tokens = Math.max(2, Math.min(plan.tokens, contextTokens - SHORT_PROMPT_TOKENS - 1));
  const promptTokens = Math.min(plan.promptTokens, contextTokens - 2);
  const steps = plan.rounds * 2 + 1 + FIRST_TOKEN_RUNS + plan.concurrency.length;
  let done = 0;
  const step = (message: string): void => {
    onProgress(done / steps, message);
    done += 1;
  };

  step('warming up');
  await generate(SHORT_PROMPT_TOKENS, 8);
  const decode: Generated[] = [];
  const prefill: number[] = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    step('decoding');
    decode.push(await generate(SHORT_PROMPT_TOKENS, tokens));
    step('computing a long prompt');
    prefill.push((promptTokens * 1000) / (await generate(promptTokens, 1)).firstMs);
  }
  const firstMs: number[] = [];
  for (let run = 0; run < FIRST_TOKEN_RUNS; run += 1) {
    step('first tokens');
    firstMs.push((await generate(SHORT_PROMPT_TOKENS, 1)).firstMs);
  }
  const concurrency: { streams: number; rate: number }[] = [];
  for (const streams of plan.concurrency) {
    step(streams === 1 ? '1 stream' : `${streams} streams`);
    const all = await Promise.all(Array.from({ length: streams }, () => generate(SHORT_PROMPT_TOKENS, tokens)));
    concurrency.push({ streams, rate: decodeRate(all) });
  }
  return {
    decodeRate: quantile(
      decode.map((each) => decodeRate([each])),
      0.5,
    ),
    prefillRate: quantile(prefill, 0.5),
    firstTokenMs: { p50: quantile(firstMs, 0.5), p99: quantile(firstMs, 0.99) },
    networkShare: networkShare(decode),
    concurrency,
    tokens,
    promptTokens,
  };
}

/** Tokens a second of all together, after the first of each: from the first token of any of them to the last. */
function decodeRate(all: readonly Generated[]): number {
  const firstMs = Math.min(...all.map((each) => each.firstMs));
  const lastMs = Math.max(...all.map((each) => each.lastMs));
  const tokens = all.reduce((sum, each) => sum + Math.max(0, each.count - 1), 0);
  return lastMs > firstMs ? (tokens * 1000) / (lastMs - firstMs) : 0;
}

function networkShare(decode: readonly Generated[]): number | undefined {
  let stepMs = 0;
  let computeMs = 0;
  for (const { usage } of decode) {
    stepMs += usage?.ring?.stepMs ?? 0;
    computeMs += usage?.ring?.stageMs.reduce((sum, ms) => sum + ms, 0) ?? 0;
  }
  return stepMs > 0 ? Math.max(0, (stepMs - computeMs) / stepMs) : undefined;
}

/** The value below which `share` of the samples lie, between neighbours where it falls between them. */
function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}
