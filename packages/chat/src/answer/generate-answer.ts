import type { Clock, GenerationRequest, GenerationUsage, PromptUsage, TextEvent, TokenGenerator } from '@pippa/core';
import type { AnswerStream } from './answer-stream.ts';

export interface GenerateAnswerOptions {
  readonly generator: TokenGenerator;
  readonly request: GenerationRequest;
  readonly answer: AnswerStream;
  /** What making the prompt took; told with the end. */
  readonly prepareMs: number;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly onPrompt?: (prompt: PromptUsage) => void;
  readonly signal: AbortSignal;
}

/**
 * The events of one generation, `finish` last. When the answer is over before the model ends it, or the consumer leaves, the
 * generation is left at once, which frees its sequence.
 */
export async function* generateAnswer({
  generator,
  request,
  answer,
  prepareMs,
  clock,
  onPrompt,
  signal,
}: GenerateAnswerOptions): AsyncGenerator<TextEvent, void, undefined> {
  const meter = new UsageMeter(request.prompt.length, clock);
  let told = onPrompt === undefined;
  for await (const event of generator.generate(request, { signal })) {
    if (!told) {
      told = true;
      const prompt = event.kind === 'end' ? event.usage : event.prompt;
      onPrompt?.({ promptTokens: request.prompt.length, cachedTokens: prompt?.cachedTokens ?? 0 });
    }
    if (event.kind === 'end') {
      yield* answer.end();
      yield { ...finish(answer, answer.finishReason(event.reason), event.usage), prepareMs };
      return;
    }
    meter.token(event.prompt);
    yield* answer.token(event.token, event.logprob);
    if (answer.over) {
      yield { ...finish(answer, answer.finishReason(undefined), meter.usage()), prepareMs };
      return;
    }
  }
}

function finish(
  answer: AnswerStream,
  reason: 'stop' | 'length' | 'tool_calls',
  usage: GenerationUsage,
): Extract<TextEvent, { kind: 'finish' }> {
  const { stopString, reasoningTokens } = answer;
  return {
    kind: 'finish',
    reason: stopString === undefined ? reason : 'stop',
    usage,
    ...(stopString !== undefined && { stopString }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

/** Usage as seen from here, for generations that are left before they report their own. */
class UsageMeter {
  readonly #promptTokens: number;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #startMs: number;
  #firstMs: number | undefined;
  #tokens = 0;
  #prompt: Pick<GenerationUsage, 'cachedTokens' | 'queueMs' | 'prefillMs'> | undefined;

  constructor(promptTokens: number, clock: Pick<Clock, 'nowMs'>) {
    this.#promptTokens = promptTokens;
    this.#clock = clock;
    this.#startMs = clock.nowMs();
  }

  token(prompt: Pick<GenerationUsage, 'cachedTokens' | 'queueMs' | 'prefillMs'> | undefined): void {
    this.#firstMs ??= this.#clock.nowMs();
    this.#prompt ??= prompt;
    this.#tokens += 1;
  }

  usage(): GenerationUsage {
    const nowMs = this.#clock.nowMs();
    const firstMs = this.#firstMs ?? nowMs;
    return {
      promptTokens: this.#promptTokens,
      generatedTokens: this.#tokens,
      decodeMs: nowMs - firstMs,
      ...(this.#prompt ?? { cachedTokens: 0, queueMs: 0, prefillMs: firstMs - this.#startMs }),
    };
  }
}
