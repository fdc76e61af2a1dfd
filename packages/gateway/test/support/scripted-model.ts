import { modelId, ModelNotFoundError, PromptTooLongError } from '@pippa/core';
import type {
  AnswerOptions,
  ChatRequest,
  CompletionRequest,
  GenerationUsage,
  ModelCapabilities,
  ModelFacts,
  ModelService,
  ServedModel,
  TextEvent,
} from '@pippa/core';

export type ScriptedRequest =
  | { readonly kind: 'chat'; readonly chat: ChatRequest }
  | { readonly kind: 'completion'; readonly completion: CompletionRequest };

/** Produces the events of one generation. */
export type Script = (request: ScriptedRequest, signal: AbortSignal) => AsyncIterable<TextEvent>;

/** One call of the model, as a test sees it. */
export interface ScriptedCall {
  readonly request: ScriptedRequest;
  readonly signal: AbortSignal;
  /** The generation has ended, whichever way. */
  ended: boolean;
}

/** A model that plays a script, keeps what it was asked, and counts what is still running. */
export class ScriptedModel implements ServedModel {
  readonly name: string;
  readonly createdMs = 1_700_000_000_123;
  readonly contextTokens: number = 2048;
  readonly architecture = 'scripted';
  readonly parameterCount = 1_100_000_000;
  readonly fileBytes = 637_000_000;
  readonly facts: ModelFacts = {
    id: modelId('ab'.repeat(32)),
    quantisation: 'Q4_0',
    layerCount: 22,
    embeddingLength: 2048,
    vocabularySize: 32_000,
    trainedContextTokens: 4096,
    template: '{{ messages }}',
    license: 'apache-2.0',
  };
  readonly calls: ScriptedCall[] = [];
  script: Script;

  constructor(name: string, script: Script) {
    this.name = name;
    this.script = script;
  }

  get running(): number {
    return this.calls.filter((call) => !call.ended).length;
  }

  capabilities(): Promise<ModelCapabilities> {
    return Promise.resolve({ tools: true, reasoning: true, fillInMiddle: false });
  }

  countPromptTokens(request: ChatRequest): Promise<number> {
    return Promise.resolve(promptTokens({ kind: 'chat', chat: request }));
  }

  chat(request: ChatRequest, options: AnswerOptions): AsyncIterable<TextEvent> {
    return this.#play({ kind: 'chat', chat: request }, options);
  }

  complete(request: CompletionRequest, options: AnswerOptions): AsyncIterable<TextEvent> {
    return this.#play({ kind: 'completion', completion: request }, options);
  }

  async *#play(request: ScriptedRequest, { onPrompt, signal }: AnswerOptions): AsyncIterable<TextEvent> {
    const call: ScriptedCall = { request, signal, ended: false };
    this.calls.push(call);
    try {
      checkLength(request, this.contextTokens);
      onPrompt?.({ promptTokens: promptTokens(request), cachedTokens: 1 });
      yield* this.script(request, signal);
    } finally {
      call.ended = true;
    }
  }
}

/** The models of a node, from a list. */
export function serviceOf(...models: readonly ServedModel[]): ModelService {
  return {
    list: () => models,
    get(name) {
      const found = models.find((model) => model.name === name);
      if (found !== undefined) return found;
      throw new ModelNotFoundError(
        name,
        models.map((model) => model.name),
      );
    },
  };
}

/** A word is a token. */
export function promptTokens(request: ScriptedRequest): number {
  if (request.kind === 'completion') {
    const { prompt } = request.completion;
    return typeof prompt === 'string' ? prompt.split(' ').length : prompt.length;
  }
  return request.chat.messages.reduce((total, message) => total + message.content.split(' ').length, 0);
}

export function usageOf(request: ScriptedRequest, generatedTokens: number): GenerationUsage {
  return { promptTokens: promptTokens(request), cachedTokens: 1, generatedTokens, queueMs: 0, prefillMs: 10, decodeMs: 20 };
}

function checkLength(request: ScriptedRequest, contextTokens: number): void {
  const tokens = promptTokens(request);
  if (tokens > contextTokens) throw new PromptTooLongError(tokens, contextTokens);
}
