import type { GenerationUsage, Lane } from './generation.ts';
import type { SamplerSettings } from './sampling.ts';

/** A tool the model may call, in OpenAI's terms. */
export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  /** JSON schema of the arguments. */
  readonly parameters?: Record<string, unknown>;
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
  /** The prompt's text comes back before the generated text. */
  readonly echo: boolean;
}

/** One token's text with its log probability, as clients see it. */
export interface TextLogprob {
  readonly text: string;
  readonly bytes: readonly number[];
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

/** One model that answers. */
export interface ServedModel {
  readonly name: string;
  /** Wall-clock milliseconds since 1970 when it was loaded. */
  readonly createdMs: number;
  readonly contextTokens: number;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  /** Errors as `TokenGenerator.generate`, and `TemplateError` when the messages don't fit the model's template. */
  chat(request: ChatRequest, options: { readonly signal: AbortSignal }): AsyncIterable<TextEvent>;
  complete(request: CompletionRequest, options: { readonly signal: AbortSignal }): AsyncIterable<TextEvent>;
}

/** The models that a node can answer for. */
export interface ModelService {
  list(): readonly ServedModel[];
  /** Throws `ModelNotFoundError` naming the models there are. */
  get(name: string): ServedModel;
}
