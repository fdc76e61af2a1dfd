import type { GenerationUsage } from '@pippa/core';
import type { GenerationOutcome } from './metrics.ts';

/** Generations of one request that its trace tells of; a request may have more. */
const MAX_TRACED_GENERATIONS = 32;

/** Where one generation's time went, in milliseconds. What is not known yet, or was not measured, is left out. */
export interface GenerationTrace {
  readonly model: string;
  /** Since the request's arrival, when the generation was asked for. */
  readonly startedMs: number;
  /** Template and tokenizing. */
  tokenizeMs?: number;
  queueMs?: number;
  prefillMs?: number;
  /** From the request's arrival to the first token, as the client saw it. */
  firstTokenMs?: number;
  decodeMs?: number;
  durationMs?: number;
  promptTokens?: number;
  cachedTokens?: number;
  generatedTokens?: number;
  outcome?: GenerationOutcome;
  /** What each stage computed on the steps that carried this generation, first to last. */
  stages?: readonly { readonly stage: number; readonly node?: string; readonly computeMs: number }[];
  /** How many steps carried it, and what they took beyond computing: the way between the stages, and waiting behind other steps. */
  steps?: number;
  betweenStagesMs?: number;
}

/** One request, without a word of its prompt or answer. */
export interface RequestTrace {
  readonly id: string;
  readonly method: string;
  /** The path as documented. */
  readonly route: string;
  /** Wall-clock milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly state: 'running' | 'done' | 'disconnected';
  readonly status?: number;
  readonly error?: string;
  /** Name of the API key. */
  readonly key?: string;
  readonly durationMs?: number;
  readonly generations: readonly GenerationTrace[];
  /** Generations that are not told of, because there were too many. */
  readonly untold?: number;
}

/** Collects one request's trace while it is worked on. */
export class TraceRecorder {
  readonly id: string;
  readonly #about: Pick<RequestTrace, 'method' | 'startedAtMs'>;
  readonly #generations: GenerationTrace[] = [];
  #untold = 0;
  route = 'unknown';
  key: string | undefined;
  #end: Pick<RequestTrace, 'state' | 'status' | 'error' | 'durationMs'> = { state: 'running' };

  constructor(id: string, about: Pick<RequestTrace, 'method' | 'startedAtMs'>) {
    this.id = id;
    this.#about = about;
  }

  /** A generation begins: what it then learns is written into what this gives. */
  generation(model: string, startedMs: number): GenerationTrace {
    const trace: GenerationTrace = { model, startedMs };
    if (this.#generations.length < MAX_TRACED_GENERATIONS) this.#generations.push(trace);
    else this.#untold++;
    return trace;
  }

  end(how: Pick<RequestTrace, 'state' | 'status' | 'error' | 'durationMs'>): void {
    this.#end = how;
  }

  get trace(): RequestTrace {
    return {
      id: this.id,
      ...this.#about,
      route: this.route,
      ...this.#end,
      ...(this.key === undefined ? {} : { key: this.key }),
      generations: this.#generations,
      ...(this.#untold === 0 ? {} : { untold: this.#untold }),
    };
  }
}

/** Writes what a finished generation says of itself into its trace. `nodes`: who holds the stages, where they are not all here. */
export function noteUsage(trace: GenerationTrace, usage: GenerationUsage, nodes: readonly string[] = []): void {
  const { ring } = usage;
  Object.assign(trace, {
    queueMs: usage.queueMs,
    prefillMs: usage.prefillMs,
    decodeMs: usage.decodeMs,
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    generatedTokens: usage.generatedTokens,
  } satisfies Partial<GenerationTrace>);
  if (ring === undefined) return;
  // A ring that was mended meanwhile has other stages than those that were measured.
  const names = nodes.length === ring.stageMs.length ? nodes : [];
  trace.stages = ring.stageMs.map((computeMs, stage) => {
    const node = names[stage];
    return { stage, ...(node === undefined ? {} : { node }), computeMs };
  });
  trace.steps = ring.steps;
  trace.betweenStagesMs = Math.max(0, ring.stepMs - ring.stageMs.reduce((sum, each) => sum + each, 0));
}
