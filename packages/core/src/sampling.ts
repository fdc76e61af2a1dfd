import type { TokenId } from './ids.ts';

/**
 * How the next token is chosen. Applied on the last stage in this order: logit bias, penalties, grammar, top-k, typical-p, top-p,
 * min-p, temperature, draw. Every field is decided: defaults are filled in before a request reaches the ring.
 */
export interface SamplerSettings {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** 0 turns it off. */
  readonly topK: number;
  /** 1 turns it off. */
  readonly topP: number;
  /** 0 turns it off. */
  readonly minP: number;
  /** 1 turns it off. */
  readonly typicalP: number;
  /** 1 turns it off. */
  readonly repeatPenalty: number;
  /** -2 .. 2, 0 turns it off. */
  readonly presencePenalty: number;
  /** -2 .. 2, 0 turns it off. */
  readonly frequencyPenalty: number;
  /** How many of the last tokens (prompt included) the penalties look at. */
  readonly penaltyLastTokens: number;
  /** Added to the logits before anything else; -100 or lower forbids a token. */
  readonly logitBias: readonly (readonly [token: TokenId, bias: number])[];
  /** Unsigned 32 bits. The draw for position p is a function of (seed, p) alone. */
  readonly seed: number;
  /** GBNF text with a rule `root`; only what it derives can be sampled. */
  readonly grammar?: string;
  /** Goes on past the model's own end. A grammar is stronger: where it is at its end, so is the text. */
  readonly ignoreEndOfGeneration?: boolean;
}

export const DEFAULT_SAMPLER_SETTINGS: Omit<SamplerSettings, 'seed'> = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  typicalP: 1,
  repeatPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyLastTokens: 64,
  logitBias: [],
};

/** The log probability (natural, before temperature and truncation) of a sampled token, with the likeliest others. */
export interface TokenLogprob {
  readonly token: TokenId;
  readonly logprob: number;
  readonly top: readonly { readonly token: TokenId; readonly logprob: number }[];
}
