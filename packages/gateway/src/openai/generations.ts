import { StageError } from '@pippa/core';
import type { TextEvent } from '@pippa/core';
import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';
import { GenerationProbe } from '../telemetry/generation-probe.ts';

export type FinishEvent = Extract<TextEvent, { kind: 'finish' }>;

/** One generation of a request: how to start it, and where its events go. */
export interface Generation {
  readonly start: (signal: AbortSignal) => AsyncIterable<TextEvent>;
  /** Gets every event, in order. A returned promise holds the generation back until it settles. */
  onEvent(event: TextEvent): Promise<void> | undefined;
}

/** What running generations needs of the gateway. */
export type GenerationParts = Pick<GatewayParts, 'limits' | 'counters' | 'clock' | 'metrics' | 'stageNames'>;

/**
 * Runs all generations of a request, a bounded number at once, and gives their last events in order. The first failure cancels the others;
 * all of them have ended when this settles, so nothing of the request goes on behind its answer.
 */
export async function runGenerations(
  generations: readonly Generation[],
  parts: GenerationParts,
  exchange: Exchange,
): Promise<readonly FinishEvent[]> {
  const [only] = generations;
  if (only !== undefined && generations.length === 1) return [await runGeneration(only, parts, exchange, exchange.signal)];

  const finishes: FinishEvent[] = [];
  const failure = new AbortController();
  const either = AbortSignal.any([exchange.signal, failure.signal]);
  const waiting = generations.entries();
  const lane = async (): Promise<void> => {
    // All lanes take from one iterator.
    for (const [index, generation] of waiting) {
      if (either.aborted) return;
      try {
        finishes[index] = await runGeneration(generation, parts, exchange, either);
      } catch (error) {
        // The first reason stays; what the others then fail with is that reason again.
        failure.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parts.limits.parallelGenerations, generations.length) }, lane));
  either.throwIfAborted();
  return finishes;
}

async function runGeneration(
  generation: Generation,
  parts: GenerationParts,
  exchange: Exchange,
  signal: AbortSignal,
): Promise<FinishEvent> {
  const { counters } = parts;
  counters.activeGenerations++;
  counters.generations++;
  const probe = new GenerationProbe(exchange, parts);
  try {
    signal.throwIfAborted();
    for await (const event of generation.start(signal)) {
      probe.event(event);
      const held = generation.onEvent(event);
      if (held !== undefined) await held;
      if (event.kind === 'finish') return event;
    }
    throw new StageError('The generation ended without a result.');
  } catch (error) {
    probe.failed();
    // However the model ends after an abort, what it ends with is the reason of the abort.
    signal.throwIfAborted();
    throw error;
  } finally {
    counters.activeGenerations--;
  }
}
