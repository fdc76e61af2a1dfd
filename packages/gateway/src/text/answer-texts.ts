import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { z } from '@hono/zod-openapi';
import type { GenerationUsage } from '@pippa/core';
import type { GatewayParts } from '../gateway-parts.ts';
import type { GatewayContext } from '../http/environment.ts';
import { describeError } from '../http/error-body.ts';
import { logFailure } from '../http/log-failure.ts';
import { SseWriter } from '../http/sse-writer.ts';
import { EVENT_STREAM, PLAIN_TEXT } from '../http/stream-format.ts';
import type { TextAsked } from './read-request.ts';
import type { ChainLink, TextSink } from './run-chain.ts';
import { runTexts } from './run-texts.ts';
import type { textResponse } from './schemas.ts';

type TextAnswer = z.output<typeof textResponse>;

/** Runs the chain over what was asked, and answers as it was asked for. */
export async function answerTexts(
  context: GatewayContext,
  asked: TextAsked,
  chain: readonly ChainLink[],
  parts: GatewayParts,
): Promise<Response> {
  const { exchange } = context.env;
  const usage = new UsageSum(exchange.logFields);
  const { temperature, seed, max_tokens: maxTokens } = asked.settings;
  const run = (sinkOf: (index: number) => TextSink): Promise<void> =>
    runTexts(
      asked.inputs,
      chain,
      {
        exchange,
        parts,
        settings: {
          lane: asked.inputs.length > 1 ? 'batch' : 'interactive',
          ...(temperature === undefined ? {} : { temperature }),
          ...(seed === undefined ? {} : { seed }),
          ...(maxTokens === undefined ? {} : { maxTokens }),
        },
        onUsage: (one) => usage.add(one),
      },
      sinkOf,
    );
  if (asked.settings.stream === true) return stream(context, asked, run, usage, parts);
  const outputs = asked.inputs.map((): string[] => []);
  await run((index) => (text) => {
    outputs[index]?.push(text);
    return undefined;
  });
  const texts = outputs.map((pieces) => pieces.join(''));
  if (asked.answer === 'text') return context.text(texts[0] ?? '');
  return context.json({
    object: 'text',
    operation: chain.map(({ operation }) => operation.name).join('+'),
    model: chain.at(-1)?.model.name ?? '',
    ...(asked.isBatch ? { outputs: texts } : { output: texts[0] ?? '' }),
    usage: usage.total,
  } satisfies TextAnswer);
}

/** What fails before the first piece is an ordinary error; later, events tell it, and plain text breaks off so that it is not taken for whole. */
async function stream(
  { env: { exchange } }: GatewayContext,
  { answer }: TextAsked,
  run: (sinkOf: (index: number) => TextSink) => Promise<void>,
  usage: UsageSum,
  { clock, limits, logger, counters }: GatewayParts,
): Promise<Response> {
  const asEvents = answer === 'json';
  const writer = new SseWriter(exchange, clock, limits, asEvents ? EVENT_STREAM : PLAIN_TEXT);
  const event = (content: object): string => `data: ${JSON.stringify(content)}\n\n`;
  try {
    await run((index) => (delta) => writer.write(asEvents ? event({ index, delta }) : delta));
    writer.end(asEvents ? `${event({ usage: usage.total })}data: [DONE]\n\n` : '');
  } catch (error) {
    if (!writer.begun) {
      writer.abandon();
      throw error;
    }
    logFailure(exchange, error, logger, counters);
    if (asEvents) writer.end(event({ error: describeError(error, exchange.promptParam).error }));
    else exchange.outgoing.destroy();
  }
  return RESPONSE_ALREADY_SENT;
}

/** Adds up what the generations of a request used. */
class UsageSum {
  readonly #logFields: Record<string, string | number | boolean>;
  #promptTokens = 0;
  #completionTokens = 0;

  constructor(logFields: Record<string, string | number | boolean>) {
    this.#logFields = logFields;
  }

  add({ promptTokens, generatedTokens }: GenerationUsage): void {
    this.#promptTokens += promptTokens;
    this.#completionTokens += generatedTokens;
    this.#logFields['promptTokens'] = this.#promptTokens;
    this.#logFields['generatedTokens'] = this.#completionTokens;
  }

  get total(): TextAnswer['usage'] {
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#completionTokens,
      total_tokens: this.#promptTokens + this.#completionTokens,
    };
  }
}
