import type { GatewayParts } from '../gateway-parts.ts';
import type { Exchange } from '../http/exchange.ts';

/** Runs the work of one request for vectors or scores: counted, traced, and in the access log. */
export async function observeEmbedding<Result extends { readonly promptTokens: number }>(
  exchange: Exchange,
  model: string,
  texts: number,
  { counters, clock, metrics }: Pick<GatewayParts, 'counters' | 'clock' | 'metrics'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const startedMs = clock.nowMs();
  const trace = exchange.trace.generation(model, startedMs - exchange.startedMs);
  exchange.logFields['model'] = model;
  exchange.logFields['texts'] = texts;
  counters.activeGenerations++;
  try {
    const result = await work();
    exchange.logFields['promptTokens'] = result.promptTokens;
    Object.assign(trace, { outcome: 'stop', promptTokens: result.promptTokens });
    metrics.observeEmbedding(model, { texts, tokens: result.promptTokens, durationMs: clock.nowMs() - startedMs });
    return result;
  } catch (error) {
    trace.outcome = exchange.signal.aborted ? 'cancelled' : 'failed';
    throw error;
  } finally {
    trace.durationMs = clock.nowMs() - startedMs;
    counters.activeGenerations--;
  }
}
