import type { CompletionRequest, ServedModel } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { readTokenBound } from './chat-request.ts';
import { readPrompts } from './prompts.ts';
import { samplerSettings, stopStrings } from './sampler.ts';
import type { CompletionBody } from './schemas/completion.ts';

/** What a completion body asks for. */
export interface CompletionPlan {
  /** Prompt after prompt, each with its `candidatesPerPrompt` generations. */
  readonly requests: readonly CompletionRequest[];
  readonly candidatesPerPrompt: number;
  /** How many of each prompt's candidates are returned: the likeliest ones when fewer than were generated. */
  readonly choicesPerPrompt: number;
  /** Log probabilities are to be shown; they are also asked for to tell the likeliest. */
  readonly showLogprobs: boolean;
}

/** Throws an `InvalidRequestError` where fields contradict each other or ask for what no model here does. */
export function readCompletionPlan(body: CompletionBody, model: ServedModel, maxGenerations: number): CompletionPlan {
  const choicesPerPrompt = body.n ?? 1;
  const candidatesPerPrompt = body.best_of ?? choicesPerPrompt;
  checkBestOf(choicesPerPrompt, candidatesPerPrompt, body.stream ?? false);
  const prompts = readPrompts(body.prompt, maxGenerations);
  if (prompts.length * candidatesPerPrompt > maxGenerations) {
    throw new InvalidRequestError(
      `${prompts.length} prompts with ${candidatesPerPrompt} generations each are more than the ${maxGenerations} that one request may ask for.`,
      { param: 'prompt', reason: 'array_above_max_length' },
    );
  }
  const showLogprobs = typeof body.logprobs === 'number';
  // None at all: those who want to know how likely a text is ask for nothing but its echo.
  const maxTokens = body.max_tokens === 0 ? 0 : readTokenBound(body.max_tokens, 'max_tokens');
  const logprobs = body.logprobs ?? (candidatesPerPrompt > choicesPerPrompt ? 0 : undefined);
  const shared = {
    echo: body.echo ?? false,
    ...(body.suffix ? { suffix: body.suffix } : {}),
    stop: stopStrings(body.stop),
    lane: 'interactive',
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(logprobs === undefined ? {} : { logprobs }),
  } as const;
  const requests = prompts.flatMap((prompt) =>
    Array.from({ length: candidatesPerPrompt }, (_, index) => ({
      ...shared,
      prompt,
      sampler: samplerSettings(body, index, model),
    })),
  );
  return { requests, candidatesPerPrompt, choicesPerPrompt, showLogprobs };
}

function checkBestOf(choices: number, candidates: number, stream: boolean): void {
  if (candidates < choices) {
    throw new InvalidRequestError(`'best_of' (${candidates}) must not be smaller than 'n' (${choices}).`, { param: 'best_of' });
  }
  if (candidates > choices && stream) {
    throw new InvalidRequestError("'best_of' cannot be streamed: the likeliest answer is known only at the end.", {
      param: 'best_of',
    });
  }
}
