import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { TextEvent } from '@pippa/core';
import type { GatewayParts } from '../gateway-parts.ts';
import { describeError } from '../http/error-body.ts';
import type { Exchange } from '../http/exchange.ts';
import { logFailure } from '../http/log-failure.ts';
import { SseWriter } from '../http/sse-writer.ts';
import { EVENT_STREAM } from '../http/stream-format.ts';
import type { StreamFormat } from '../http/stream-format.ts';
import { runGenerations } from './generations.ts';
import { loadModel, type Loadable } from './load-model.ts';
import { LoadingComments } from './loading-comments.ts';
import type { FinishEvent, Generation } from './generations.ts';

/** Turns one choice's events into server-sent events, as text. */
export interface ChoiceEncoder {
  /** Empty when the event has nothing to show. */
  encode(event: TextEvent): string;
}

/** Gathers one choice of an answer that is sent whole. */
export interface ChoiceCollector {
  take(event: TextEvent): void;
}

export interface Choice<Shown> extends Pick<Generation, 'start'> {
  readonly shown: Shown;
}

/** How one API frames a streamed answer. */
export interface StreamFraming {
  readonly format: StreamFormat;
  /** What goes out after the last choice has ended. */
  closing(finishes: readonly FinishEvent[]): string;
  /** What tells a failure in the middle of the stream; nothing follows it. */
  failure(error: unknown): string;
}

/**
 * Streams an answer; `model` is loaded first, where it has to be. What fails before the first event is thrown, and becomes an ordinary error response; what fails later is told
 * in the stream.
 */
export async function streamEvents(
  exchange: Exchange,
  choices: readonly Choice<ChoiceEncoder>[],
  framing: StreamFraming,
  parts: GatewayParts,
  model?: Loadable,
): Promise<Response> {
  const { clock, limits, counters, logger } = parts;
  const writer = new SseWriter(exchange, clock, limits, framing.format);
  const generations = choices.map(({ start, shown }): Generation => ({
    start,
    onEvent(event) {
      const events = shown.encode(event);
      return events === '' ? undefined : writer.write(events);
    },
  }));
  try {
    if (model !== undefined) await loadWithComments(model, writer, exchange, parts);
    const finishes = await runGenerations(generations, parts, exchange);
    noteUsage(exchange, finishes);
    writer.end(framing.closing(finishes));
  } catch (error) {
    if (!writer.begun) {
      writer.abandon();
      throw error;
    }
    logFailure(exchange, error, logger, counters);
    writer.end(framing.failure(error));
  }
  return RESPONSE_ALREADY_SENT;
}

/**
 * Streams an answer as OpenAI does. One that fails ends without `[DONE]`: that promises a complete answer.
 * @param closing what goes out after the last choice has ended, before `[DONE]`
 */
export function streamAnswer(
  exchange: Exchange,
  choices: readonly Choice<ChoiceEncoder>[],
  closing: (finishes: readonly FinishEvent[]) => string,
  parts: GatewayParts,
  model?: Loadable,
): Promise<Response> {
  const framing: StreamFraming = {
    format: EVENT_STREAM,
    closing: (finishes) => `${closing(finishes)}data: [DONE]\n\n`,
    failure: (error) => `data: ${JSON.stringify({ error: describeError(error, exchange.promptParam).error })}\n\n`,
  };
  return streamEvents(exchange, choices, framing, parts, model);
}

async function loadWithComments(model: Loadable, writer: SseWriter, exchange: Exchange, parts: GatewayParts): Promise<void> {
  if (model.ready !== false) return;
  const comments = new LoadingComments(writer, exchange, parts.clock);
  try {
    await loadModel(model, exchange, parts, comments.onProgress);
  } finally {
    comments.end();
  }
}

/** Runs an answer that is sent whole. */
export async function collectAnswer(
  exchange: Exchange,
  choices: readonly Choice<ChoiceCollector>[],
  parts: GatewayParts,
  model?: Loadable,
): Promise<readonly FinishEvent[]> {
  if (model !== undefined) await loadModel(model, exchange, parts, () => {});
  const generations = choices.map(({ start, shown }): Generation => ({
    start,
    onEvent(event) {
      shown.take(event);
      return undefined;
    },
  }));
  const finishes = await runGenerations(generations, parts, exchange);
  noteUsage(exchange, finishes);
  return finishes;
}

function noteUsage({ logFields }: Exchange, finishes: readonly FinishEvent[]): void {
  logFields['promptTokens'] = finishes[0]?.usage.promptTokens ?? 0;
  logFields['generatedTokens'] = finishes.reduce((total, { usage }) => total + usage.generatedTokens, 0);
}
