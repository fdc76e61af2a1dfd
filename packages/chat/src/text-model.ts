import {
  InvalidInputError,
  PromptTooLongError,
  type AnswerOptions,
  type ChatRequest,
  type CompletionRequest,
  type ModelCapabilities,
  type ModelFacts,
  type SamplerSettings,
  type ServedModel,
  type TextEmbedder,
  type TextEvent,
  type TextRequest,
} from '@pippa/core';
import { answerGrammar } from './answer/answer-grammar.ts';
import { PLAIN_ANSWER } from './answer/answer-format.ts';
import { AnswerStream, type AnswerStreamOptions } from './answer/answer-stream.ts';
import { generateAnswer } from './answer/generate-answer.ts';
import { promptLogprobs } from './answer/prompt-logprobs.ts';
import { checkChat, checkStops } from './check-request.ts';
import { ModelChat, type PreparedChat } from './model-chat.ts';
import { firstUnknownToken } from './prompt/encode-prompt.ts';
import { findFillInMiddle, type FillInMiddle } from './prompt/fill-in-middle.ts';
import { samplerSettings } from './sampler-settings.ts';
import type { ServedModelParts } from './served-model.ts';

interface Answering {
  readonly prompt: Int32Array;
  readonly request: TextRequest;
  readonly sampler: Partial<SamplerSettings>;
  readonly answer: Omit<AnswerStreamOptions, 'tokenizer' | 'randomSeed'>;
  /** Text that the prompt already holds of the answer. */
  readonly begun?: string;
  /** When the request came. */
  readonly arrivedMs: number;
  readonly options: AnswerOptions;
}

export class TextModel implements ServedModel {
  readonly name: string;
  readonly createdMs: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts: ModelFacts;
  readonly embedder?: () => Promise<TextEmbedder>;
  readonly #parts: ServedModelParts;
  #chat: Promise<ModelChat> | undefined;
  #fillInMiddle: Promise<FillInMiddle | undefined> | undefined;

  constructor(parts: ServedModelParts) {
    this.name = parts.name;
    this.createdMs = parts.createdMs;
    this.architecture = parts.architecture;
    this.parameterCount = parts.parameterCount;
    this.fileBytes = parts.fileBytes;
    this.facts = { ...parts.facts, ...(parts.template !== undefined && { template: parts.template }) };
    if (parts.embedder !== undefined) this.embedder = parts.embedder;
    this.#parts = parts;
  }

  /** What the ring holds at the moment: it may change when the ring is brought up again. */
  get contextTokens(): number {
    return this.#parts.generator.contextTokens;
  }

  async capabilities(): Promise<ModelCapabilities> {
    const { tools, reasoning } = await this.#openChat();
    return { tools, reasoning, fillInMiddle: (await this.#openFillInMiddle()) !== undefined };
  }

  async countPromptTokens(request: ChatRequest): Promise<number> {
    checkChat(request);
    const chat = await this.#openChat();
    return (await chat.prepare(request)).prompt.length;
  }

  async *chat(request: ChatRequest, options: AnswerOptions): AsyncGenerator<TextEvent, void, undefined> {
    const arrivedMs = this.#parts.clock.nowMs();
    checkChat(request);
    const chat = await this.#openChat();
    const prepared = await chat.prepare(request);
    const grammar = chatGrammar(request, prepared);
    yield* this.#answer({
      prompt: prepared.prompt,
      request,
      sampler: grammar === undefined ? request.sampler : { ...request.sampler, grammar },
      answer: {
        format: prepared.format,
        tools: prepared.tools,
        opensInReasoning: prepared.reasoning === 'inside',
        stops: [...request.stop, ...chat.stops],
        maxCalls: request.parallelToolCalls === false ? 1 : Infinity,
      },
      begun: prepared.begun,
      arrivedMs,
      options,
    });
  }

  async *complete(request: CompletionRequest, options: AnswerOptions): AsyncGenerator<TextEvent, void, undefined> {
    const arrivedMs = this.#parts.clock.nowMs();
    checkStops(request.stop);
    const prompt = await this.#completionPrompt(request);
    if (request.echo) yield await this.#echo(request, prompt, options.signal);
    yield* this.#answer({
      prompt,
      request,
      sampler: request.sampler,
      answer: { format: PLAIN_ANSWER, tools: [], opensInReasoning: false, stops: request.stop, maxCalls: 0 },
      arrivedMs,
      options,
    });
  }

  #openChat(): Promise<ModelChat> {
    return (this.#chat ??= ModelChat.open(this.#parts));
  }

  #openFillInMiddle(): Promise<FillInMiddle | undefined> {
    return (this.#fillInMiddle ??= findFillInMiddle(this.#parts.tokenizer));
  }

  async *#answer(asked: Answering): AsyncGenerator<TextEvent, void, undefined> {
    const { prompt, request, sampler, answer, begun, arrivedMs, options } = asked;
    const { signal, onPrompt } = options;
    signal.throwIfAborted();
    const { generator, tokenizer, samplerDefaults, randomSeed, clock } = this.#parts;
    const left = generator.contextTokens - prompt.length;
    if (left < 1) throw new PromptTooLongError(prompt.length, generator.contextTokens);
    const maxTokens = request.maxTokens ?? left;
    if (maxTokens === 0) {
      onPrompt?.({ promptTokens: prompt.length, cachedTokens: 0 });
      yield { kind: 'finish', reason: 'length', usage: nothingGenerated(prompt.length) };
      return;
    }
    const stream = new AnswerStream({ ...answer, tokenizer, randomSeed });
    if (begun !== undefined) stream.prime(begun);
    yield* generateAnswer({
      generator,
      request: {
        prompt,
        sampler: samplerSettings(sampler, samplerDefaults, randomSeed),
        maxTokens,
        logprobs: request.logprobs ?? -1,
        lane: request.lane,
      },
      answer: stream,
      prepareMs: clock.nowMs() - arrivedMs,
      clock,
      ...(onPrompt !== undefined && { onPrompt }),
      signal,
    });
  }

  async #completionPrompt({ prompt, suffix }: CompletionRequest): Promise<Int32Array> {
    const { tokenizer } = this.#parts;
    if (suffix !== undefined) return this.#middlePrompt(prompt, suffix);
    if (typeof prompt !== 'string') {
      const unknown = firstUnknownToken(tokenizer, prompt);
      if (unknown !== undefined) {
        throw new InvalidInputError(`The token ${unknown} is not in the model's vocabulary of ${tokenizer.vocabularySize}.`, {
          path: 'prompt',
        });
      }
    }
    const tokens =
      typeof prompt === 'string'
        ? await tokenizer.tokenize(prompt, { addSpecial: true, parseSpecial: true })
        : Int32Array.from(prompt);
    if (tokens.length > 0) return tokens;
    const begin = tokenizer.beginOfSequence;
    if (begin === undefined) {
      throw new InvalidInputError('The prompt is empty, and this model has no token to begin from.', { path: 'prompt' });
    }
    return Int32Array.of(begin);
  }

  async #middlePrompt(prompt: string | readonly number[], suffix: string): Promise<Int32Array> {
    const middle = await this.#openFillInMiddle();
    if (middle === undefined) {
      throw new InvalidInputError(`The model "${this.name}" has no tokens for filling in the middle of a text.`, {
        path: 'suffix',
        hint: 'Leave the suffix out, or ask a model made for code.',
      });
    }
    if (typeof prompt !== 'string') {
      throw new InvalidInputError('With a suffix the prompt must be a text, not token ids.', { path: 'prompt' });
    }
    return middle.prompt(this.#parts.tokenizer, prompt, suffix);
  }

  async #echo({ prompt, logprobs, lane }: CompletionRequest, tokens: Int32Array, signal: AbortSignal): Promise<TextEvent> {
    const { tokenizer, generator } = this.#parts;
    const text =
      typeof prompt === 'string' ? prompt : new TextDecoder().decode(Buffer.concat(prompt.map((token) => tokenizer.piece(token))));
    if (logprobs === undefined) return { kind: 'text', text };
    if (tokens.length > generator.contextTokens) throw new PromptTooLongError(tokens.length, generator.contextTokens);
    const scored = await promptLogprobs({ generator, tokenizer, prompt: tokens, alternatives: logprobs, lane, signal });
    // The token that begins a text is not of the client's text, unless it came with the client's tokens.
    const begins = typeof prompt === 'string' && tokens[0] === tokenizer.beginOfSequence && scored.length > 1;
    return { kind: 'text', text, logprobs: begins ? scored.slice(1) : scored };
  }
}

function chatGrammar(request: ChatRequest, { format, tools, reasoning, markerToken }: PreparedChat): string | undefined {
  const { toolChoice, responseFormat } = request;
  const named = typeof toolChoice === 'object' ? toolChoice.name : undefined;
  const grammar = answerGrammar({
    format,
    responseFormat,
    tools: named === undefined ? tools : tools.filter((tool) => tool.name === named),
    callsOnly: toolChoice === 'required' || named !== undefined,
    manyCalls: named === undefined && request.parallelToolCalls !== false,
    reasoning,
    markerToken,
  });
  if (grammar !== undefined && request.sampler.grammar !== undefined) {
    throw new InvalidInputError('A grammar of your own cannot be combined with a response format or a forced tool call.', {
      path: 'grammar',
    });
  }
  return grammar;
}

function nothingGenerated(promptTokens: number) {
  return { promptTokens, cachedTokens: 0, generatedTokens: 0, queueMs: 0, prefillMs: 0, decodeMs: 0 };
}
