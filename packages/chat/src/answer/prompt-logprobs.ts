import {
  DEFAULT_SAMPLER_SETTINGS,
  InvalidInputError,
  type Lane,
  type TextLogprob,
  type TokenGenerator,
  type Tokenizer,
} from '@pippa/core';
import { MAX_SCORED_TOKENS } from '../limits.ts';
import { textLogprob } from './logprob-queue.ts';

export interface PromptLogprobsRequest {
  readonly generator: TokenGenerator;
  readonly tokenizer: Tokenizer;
  readonly prompt: Int32Array;
  /** Alternatives to report a token. */
  readonly alternatives: number;
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

/**
 * The log probability of each token of a prompt after those before it; NaN for the first, which has none. The model is made to say
 * the prompt: a grammar leaves it one token at each place, and what is reported is what it would have given that token without.
 * Throws `InvalidInputError` for a prompt that is too long for this or that the model cannot be made to say.
 */
export async function promptLogprobs(request: PromptLogprobsRequest): Promise<TextLogprob[]> {
  const { generator, tokenizer, prompt, alternatives, lane, signal } = request;
  const [first, ...rest] = prompt;
  if (first === undefined) return [];
  if (rest.length > MAX_SCORED_TOKENS) {
    throw new InvalidInputError(
      `Log probabilities are given for prompts of at most ${MAX_SCORED_TOKENS} tokens, not for ${prompt.length}.`,
      { path: 'logprobs', hint: 'Leave out "echo" or "logprobs".' },
    );
  }
  const scored = [{ ...textLogprob(tokenizer, { token: first, logprob: Number.NaN, top: [] }) }];
  if (rest.length === 0) return scored;
  const sampler = {
    ...DEFAULT_SAMPLER_SETTINGS,
    temperature: 0,
    seed: 0,
    grammar: `root ::= ${rest.map((token) => `<[${token}]>`).join(' ')}\n`,
  };
  const generation = { prompt: Int32Array.of(first), sampler, maxTokens: rest.length, logprobs: alternatives, lane };
  for await (const event of generator.generate(generation, { signal })) {
    if (event.kind === 'end' || event.logprob === undefined || event.token !== rest[scored.length - 1]) break;
    scored.push(textLogprob(tokenizer, event.logprob));
  }
  if (scored.length === prompt.length) return scored;
  throw new InvalidInputError(
    `The model cannot be made to say token ${scored.length} of the prompt, so it has no log probability.`,
    {
      path: 'prompt',
      hint: 'Leave out "echo" or "logprobs", or what ends a text from the prompt.',
    },
  );
}
