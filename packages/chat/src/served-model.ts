import {
  DEFAULT_SAMPLER_SETTINGS,
  InvalidInputError,
  type ChatRequest,
  type Clock,
  type CompletionRequest,
  type GenerationRequest,
  type SamplerSettings,
  type ServedModel,
  type TextEvent,
  type TextRequest,
  type TokenGenerator,
  type Tokenizer,
} from '@pippa/core';
import { streamAnswer } from './answer/stream-answer.ts';
import { MAX_MESSAGES, MAX_STOP_CHARACTERS, MAX_STOP_STRINGS, MAX_TOOLS } from './limits.ts';
import { ControlTexts } from './prompt/control-texts.ts';
import { encodePrompt, firstUnknownToken } from './prompt/encode-prompt.ts';
import { pieceText } from './prompt/marker-tokens.ts';
import { UntrustedText } from './prompt/untrusted-text.ts';
import { builtInTemplate } from './template/built-in-templates.ts';
import { ChatTemplate } from './template/chat-template.ts';

export interface ServedModelParts {
  readonly name: string;
  readonly createdMs: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  /** The model's own Jinja template. */
  readonly template: string | undefined;
  readonly tokenizer: Tokenizer;
  readonly generator: TokenGenerator;
  /** What the model's header recommends. */
  readonly samplerDefaults: Partial<SamplerSettings>;
  /** Unsigned 32-bit numbers, for requests without a seed. */
  readonly randomSeed: () => number;
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>;
}

/** A model that answers in text: template and tokenizing before a generator, characters and segments after it. */
export function createServedModel(parts: ServedModelParts): ServedModel {
  return new TextModel(parts);
}

interface PreparedTemplate {
  readonly template: ChatTemplate;
  readonly controls: ControlTexts;
  readonly stops: readonly string[];
}

class TextModel implements ServedModel {
  readonly name: string;
  readonly createdMs: number;
  readonly contextTokens: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly #parts: ServedModelParts;
  #prepared: Promise<PreparedTemplate> | undefined;

  constructor(parts: ServedModelParts) {
    this.name = parts.name;
    this.createdMs = parts.createdMs;
    this.contextTokens = parts.generator.contextTokens;
    this.architecture = parts.architecture;
    this.parameterCount = parts.parameterCount;
    this.fileBytes = parts.fileBytes;
    this.#parts = parts;
  }

  async *chat(request: ChatRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<TextEvent, void, undefined> {
    checkChat(request);
    const { template, controls, stops } = await (this.#prepared ??= this.#prepare());
    const untrusted = new UntrustedText(controls, this.#parts.randomSeed);
    const tools = request.toolChoice === 'none' ? [] : request.tools;
    const rendered = template.render({
      messages: request.messages,
      tools,
      variables: request.templateVariables ?? {},
      protect: (text) => untrusted.protect(text),
    });
    const prompt = await encodePrompt(this.#parts.tokenizer, untrusted.pieces(rendered));
    signal.throwIfAborted();
    yield* streamAnswer(this.#generate(prompt, request, signal), {
      tokenizer: this.#parts.tokenizer,
      stop: [...request.stop, ...stops],
      startsInReasoning: rendered.trimEnd().endsWith('<think>'),
      tools: new Set(tools.map((tool) => tool.name)),
      randomSeed: this.#parts.randomSeed,
    });
  }

  async *complete(
    request: CompletionRequest,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<TextEvent, void, undefined> {
    checkStops(request.stop);
    const { tokenizer } = this.#parts;
    const prompt =
      typeof request.prompt === 'string'
        ? await tokenizer.tokenize(request.prompt, { addSpecial: true, parseSpecial: true })
        : this.#tokenPrompt(request.prompt);
    signal.throwIfAborted();
    if (request.echo) {
      const bytes =
        typeof request.prompt === 'string' ? undefined : Buffer.concat([...prompt].map((token) => tokenizer.piece(token)));
      yield { kind: 'text', text: bytes === undefined ? (request.prompt as string) : new TextDecoder().decode(bytes) };
    }
    yield* streamAnswer(this.#generate(prompt, request, signal), {
      tokenizer,
      stop: request.stop,
      startsInReasoning: false,
      tools: undefined,
      randomSeed: this.#parts.randomSeed,
    });
  }

  #generate(prompt: Int32Array, request: TextRequest, signal: AbortSignal): ReturnType<TokenGenerator['generate']> {
    const { generator, samplerDefaults, randomSeed } = this.#parts;
    const given = Object.fromEntries(Object.entries(request.sampler).filter(([, value]) => value !== undefined));
    const generation: GenerationRequest = {
      prompt,
      sampler: { ...DEFAULT_SAMPLER_SETTINGS, seed: randomSeed(), ...samplerDefaults, ...given },
      maxTokens: request.maxTokens ?? generator.contextTokens,
      logprobs: request.logprobs ?? -1,
      lane: request.lane,
    };
    return generator.generate(generation, { signal });
  }

  #tokenPrompt(tokens: readonly number[]): Int32Array {
    const unknown = firstUnknownToken(this.#parts.tokenizer, tokens);
    if (unknown !== undefined) {
      throw new InvalidInputError(
        `The token ${unknown} is not in the model's vocabulary of ${this.#parts.tokenizer.vocabularySize}.`,
        { path: 'prompt' },
      );
    }
    return Int32Array.from(tokens);
  }

  async #prepare(): Promise<PreparedTemplate> {
    const { template, tokenizer, clock } = this.#parts;
    const { source, stops } = template === undefined ? await builtInTemplate(tokenizer) : { source: template, stops: [] };
    const text = (token: number | undefined): string => (token === undefined ? '' : pieceText(tokenizer, token));
    return {
      template: new ChatTemplate({
        source,
        beginText: text(tokenizer.beginOfSequence),
        endText: text(tokenizer.endOfSequence),
        clock,
      }),
      controls: ControlTexts.of(tokenizer),
      stops,
    };
  }
}

function checkChat(request: ChatRequest): void {
  if (request.messages.length === 0 || request.messages.length > MAX_MESSAGES) {
    throw new InvalidInputError(`A chat has 1 to ${MAX_MESSAGES} messages.`, { path: 'messages' });
  }
  if (request.tools.length > MAX_TOOLS) throw new InvalidInputError(`A request may offer ${MAX_TOOLS} tools.`, { path: 'tools' });
  if (request.toolChoice !== 'auto' && request.toolChoice !== 'none') {
    throw new InvalidInputError('A tool call cannot be forced yet: use tool_choice "auto".', { path: 'tool_choice' });
  }
  if (request.responseFormat.kind !== 'text') {
    throw new InvalidInputError('The answer cannot be forced into JSON yet: ask for JSON in the prompt.', {
      path: 'response_format',
    });
  }
  checkStops(request.stop);
}

function checkStops(stop: readonly string[]): void {
  if (stop.length > MAX_STOP_STRINGS || stop.some((text) => text.length > MAX_STOP_CHARACTERS)) {
    throw new InvalidInputError(`At most ${MAX_STOP_STRINGS} stop strings of ${MAX_STOP_CHARACTERS} characters.`, { path: 'stop' });
  }
}
