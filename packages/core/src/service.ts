import type { TextEmbedder } from './embedding.ts';
import type { GenerationUsage, Lane } from './generation.ts';
import type { ModelId } from './ids.ts';
import type { SamplerSettings } from './sampling.ts';

/** A tool the model may call, in OpenAI's terms. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  /** JSON schema of the arguments. */
  readonly parameters?: Record<string, unknown>;
  /** Calls of the tool have arguments that fit the schema, by construction. Left out: as well as the model knows. */
  readonly strict?: boolean;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export type ChatMessage =
  | { readonly role: 'system' | 'developer' | 'user'; readonly content: string; readonly name?: string }
  | { readonly role: 'assistant'; readonly content: string; readonly reasoning?: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly content: string; readonly toolCallId?: string; readonly name?: string };

/** What a chat request and a plain completion share. Left-out sampler fields take the model's own or the project's defaults. */
export interface TextRequest {
  readonly sampler: Partial<SamplerSettings>;
  /** Left out: until the model ends or the context is full. */
  readonly maxTokens?: number;
  readonly stop: readonly string[];
  /** Alternatives to report a token; left out: no log probabilities. */
  readonly logprobs?: number;
  readonly lane: Lane;
}

export interface ChatRequest extends TextRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string };
  /** False: at most one call an answer. Left out: as many as the model makes. */
  readonly parallelToolCalls?: boolean;
  /** `json`: any JSON object. A schema constrains further. */
  readonly responseFormat:
    | { readonly kind: 'text' }
    | { readonly kind: 'json' }
    | { readonly kind: 'schema'; readonly schema: Record<string, unknown> };
  /** Extra variables for the chat template, such as `enable_thinking`. */
  readonly templateVariables?: Record<string, unknown>;
}

export interface CompletionRequest extends TextRequest {
  /** Text, or token ids as they are. */
  readonly prompt: string | readonly number[];
  /** The prompt's text comes back before the generated text; with `logprobs`, those of its tokens too. */
  readonly echo: boolean;
  /** Text that follows what is to be written; the model fills in the middle. Throws `InvalidInputError` where it cannot. */
  readonly suffix?: string;
}

/** One token's text with its log probability, as clients see it. */
export interface TextLogprob {
  readonly text: string;
  readonly bytes: readonly number[];
  /** NaN: of the first token of an echoed prompt, which has none before it. */
  readonly logprob: number;
  readonly top: readonly { readonly text: string; readonly bytes: readonly number[]; readonly logprob: number }[];
}

/** `stop`: the model's end or a stop string. `length`: maxTokens or the context. */
export type FinishReason = 'stop' | 'length' | 'tool_calls';

/** Pieces of an answer, in order; `finish` comes last, once. */
export type TextEvent =
  /** `text` is whole characters only; it may be empty when a token is held back (its logprobs then come with a later event). */
  | { readonly kind: 'text'; readonly text: string; readonly logprobs?: readonly TextLogprob[] }
  | { readonly kind: 'reasoning'; readonly text: string }
  /** A call begins (`id`, `name`) or its arguments go on (`argumentsDelta`). */
  | {
      readonly kind: 'tool_call';
      readonly index: number;
      readonly id?: string;
      readonly name?: string;
      readonly argumentsDelta: string;
    }
  | {
      readonly kind: 'finish';
      readonly reason: FinishReason;
      readonly usage: GenerationUsage;
      readonly stopString?: string;
      /** How many of the generated tokens were reasoning; left out: not counted. */
      readonly reasoningTokens?: number;
      /** Template and tokenizing, before the ring got the request; left out: not measured. */
      readonly prepareMs?: number;
    };

/** How an answer is run. */
export interface AnswerOptions {
  /** Called once, before the first event: what the prompt came to. */
  readonly onPrompt?: (prompt: PromptUsage) => void;
  readonly signal: AbortSignal;
}

export type PromptUsage = Pick<GenerationUsage, 'promptTokens' | 'cachedTokens'>;

/** What a model can do besides answering. */
export interface ModelCapabilities {
  /** Its template shows tools to it. */
  readonly tools: boolean;
  /** It reasons before it answers. */
  readonly reasoning: boolean;
  /** It fills in the middle of a text (`CompletionRequest.suffix`). */
  readonly fillInMiddle: boolean;
  /** It makes vectors or ranks texts and does nothing else; left out: it answers. */
  readonly embeddingOnly?: boolean;
}

/** What else is known of a model; left out where it is not. */
export interface ModelFacts {
  readonly id?: ModelId;
  /** `Q4_K_M` ... */
  readonly quantisation?: string;
  readonly layerCount?: number;
  readonly embeddingLength?: number;
  readonly vocabularySize?: number;
  /** Tokens that the model was trained for. */
  readonly trainedContextTokens?: number;
  /** The Jinja chat template of its header. */
  readonly template?: string;
  /** `general.license` of its header. */
  readonly license?: string;
}

/** How far a model is that is being loaded. */
export interface LoadProgress {
  /** 0 .. 1 */
  readonly fraction: number;
  /** What is being done, in words; may be empty. */
  readonly message: string;
  /** Since it began. */
  readonly elapsedMs: number;
}

export interface LoadOptions {
  readonly onProgress: (progress: LoadProgress) => void;
  readonly signal: AbortSignal;
}

/** One model that answers. */
export interface ServedModel {
  readonly name: string;
  /** Wall-clock milliseconds since 1970 when it was loaded. */
  readonly createdMs: number;
  readonly contextTokens: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts?: ModelFacts;
  /** Answers at once; one that is not ready is loaded when it is asked. Left out: it is. */
  readonly ready?: boolean;
  /** While it is being loaded, as far as this node knows. */
  readonly loading?: LoadProgress | undefined;
  /** Settles when it answers. Giving the signal ends the waiting, not the loading. Throws why it cannot be had. Left out: it is there. */
  load?(options: LoadOptions): Promise<void>;
  /** Left out: nothing is known. Throws `TemplateError`. */
  capabilities?(): Promise<ModelCapabilities>;
  /** Tokens of the prompt that `chat` would make. Errors as `chat`. Left out: only generating tells. */
  countPromptTokens?(request: ChatRequest): Promise<number>;
  /** Errors as `TokenGenerator.generate`, and `TemplateError` when the messages don't fit the model's template. */
  chat(request: ChatRequest, options: AnswerOptions): AsyncIterable<TextEvent>;
  complete(request: CompletionRequest, options: AnswerOptions): AsyncIterable<TextEvent>;
  /** What makes vectors with this model; opened when it is first asked for. Left out: nothing here can. */
  embedder?(): Promise<TextEmbedder>;
}

/** The models that a node can answer for. */
export interface ModelService {
  list(): readonly ServedModel[];
  /** Throws `ModelNotFoundError` naming the models there are. */
  get(name: string): ServedModel;
}
