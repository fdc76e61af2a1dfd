import type { TokenId } from './ids.ts';
import type { SamplerSettings, TokenLogprob } from './sampling.ts';

/** `interactive`: first token fast, never delayed by batch work. `batch`: throughput. */
export type Lane = 'interactive' | 'batch';

/** One generation asked of a ring, in token ids. */
export interface GenerationRequest {
  readonly prompt: Int32Array;
  /**
   * How many tokens at the end of `prompt` were generated already, by a conductor that was lost: they count for `maxTokens`, grammar and
   * penalties, and are not reported again. 0 when left out.
   */
  readonly alreadyGenerated?: number;
  readonly sampler: SamplerSettings;
  /** Upper bound of generated tokens; the context is the other one. */
  readonly maxTokens: number;
  /** Alternatives to report a token; -1 reports no log probabilities. */
  readonly logprobs: number;
  readonly lane: Lane;
}

/** Why a generation ended: the model's own end token, `maxTokens`, or the context is full. */
export type EndReason = 'end' | 'length' | 'context';

/** Where a generation's time went in the ring: sums over the steps that carried it, shared with whoever else rode along. */
export interface RingTiming {
  readonly steps: number;
  /** From submission to result. */
  readonly stepMs: number;
  /** What each stage computed, first to last. */
  readonly stageMs: readonly number[];
}

export interface GenerationUsage {
  readonly promptTokens: number;
  /** Prompt tokens whose KV was already there. */
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly queueMs: number;
  /** From admission to the first token. */
  readonly prefillMs: number;
  readonly decodeMs: number;
  /** Left out: not measured. */
  readonly ring?: RingTiming;
}

export type GenerationEvent =
  /** The end token itself is not reported. `prompt` may come with the first: what a consumer that leaves early wants to report. */
  | {
      readonly kind: 'token';
      readonly token: TokenId;
      readonly position: number;
      readonly logprob?: TokenLogprob;
      readonly prompt?: Pick<GenerationUsage, 'cachedTokens' | 'queueMs' | 'prefillMs'>;
    }
  | { readonly kind: 'end'; readonly reason: EndReason; readonly usage: GenerationUsage };

/** Turns token ids into token ids; a ring's conductor, here or on another node. */
export interface TokenGenerator {
  /** Tokens one sequence may hold, prompt included. */
  readonly contextTokens: number;
  /**
   * Streams the generation; the last event is `end`. Leaving the iteration or aborting `signal` frees the sequence within a step.
   * Throws `PromptTooLongError`, `OverloadedError` (queue full), `StageError`, or the signal's reason.
   */
  generate(request: GenerationRequest, options?: { readonly signal?: AbortSignal }): AsyncIterable<GenerationEvent>;
}

/** Text to tokens and back for one model; needs the vocabulary only, no weights. */
export interface Tokenizer {
  readonly vocabularySize: number;
  readonly beginOfSequence: TokenId | undefined;
  readonly endOfSequence: TokenId | undefined;
  /** The model wants `beginOfSequence` put before a prompt. */
  readonly addBeginOfSequence: boolean;
  /**
   * `parseSpecial`: text such as `<|im_start|>` becomes its control token (for templates; never for untrusted text on its own).
   * `addSpecial`: begin and end tokens are added as the model wants.
   */
  tokenize(text: string, options: { readonly addSpecial: boolean; readonly parseSpecial: boolean }): Promise<Int32Array>;
  /** The bytes of a token; they may be part of a UTF-8 character. `special`: control tokens give their text instead of nothing. */
  piece(token: TokenId, special?: boolean): Uint8Array;
  isControl(token: TokenId): boolean;
  isEndOfGeneration(token: TokenId): boolean;
}
