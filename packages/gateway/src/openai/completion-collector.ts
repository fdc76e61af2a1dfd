import type { z } from '@hono/zod-openapi';
import type { TextEvent } from '@pippa/core';
import type { ChoiceCollector } from './answer.ts';
import type { AnswerIdentity } from './answer-identity.ts';
import type { CompletionPlan } from './completion-request.ts';
import type { FinishEvent } from './generations.ts';
import { characterCount, completionTokenLogprobs } from './logprobs.ts';
import type { CompletionLogprobs } from './logprobs.ts';
import type { completion } from './schemas/responses.ts';
import { totalTimings, totalUsage } from './usage.ts';

type Completion = z.output<typeof completion>;

/** Gathers one generation of a plain completion that is sent whole. */
export class CompletionCollector implements ChoiceCollector {
  #text = '';
  #offset = 0;
  #reason: FinishEvent['reason'] = 'stop';
  #logprobs: CompletionLogprobs = { text_offset: [], tokens: [], token_logprobs: [], top_logprobs: [] };

  get text(): string {
    return this.#text;
  }

  get reason(): FinishEvent['reason'] {
    return this.#reason;
  }

  get logprobs(): CompletionLogprobs {
    return this.#logprobs;
  }

  /** Mean log probability a token; what `best_of` compares. */
  get likelihood(): number {
    const all = this.#logprobs.token_logprobs.filter((logprob) => logprob !== null);
    return all.length === 0 ? 0 : all.reduce((total, logprob) => total + logprob, 0) / all.length;
  }

  take(event: TextEvent): void {
    if (event.kind === 'finish') this.#reason = event.reason;
    if (event.kind !== 'text') return;
    this.#text += event.text;
    if (event.logprobs !== undefined) {
      const added = completionTokenLogprobs(event.logprobs, this.#offset);
      this.#logprobs.text_offset.push(...added.text_offset);
      this.#logprobs.tokens.push(...added.tokens);
      this.#logprobs.token_logprobs.push(...added.token_logprobs);
      this.#logprobs.top_logprobs.push(...added.top_logprobs);
    }
    this.#offset += characterCount(event.text);
  }
}

/** The whole answer: of each prompt's candidates the likeliest ones, or all of them in their order. */
export function completionOf(
  identity: AnswerIdentity,
  plan: CompletionPlan,
  collectors: readonly CompletionCollector[],
  finishes: readonly FinishEvent[],
): Completion {
  const { candidatesPerPrompt, choicesPerPrompt } = plan;
  const choices: Completion['choices'] = [];
  for (let start = 0; start < collectors.length; start += candidatesPerPrompt) {
    const candidates = collectors.slice(start, start + candidatesPerPrompt);
    if (candidatesPerPrompt > choicesPerPrompt) candidates.sort((left, right) => right.likelihood - left.likelihood);
    for (const { text, logprobs, reason } of candidates.slice(0, choicesPerPrompt)) {
      choices.push({ text, index: choices.length, logprobs: plan.showLogprobs ? logprobs : null, finish_reason: reason });
    }
  }
  return {
    id: identity.id,
    object: 'text_completion',
    created: identity.created,
    model: identity.model,
    system_fingerprint: identity.system_fingerprint,
    choices,
    usage: totalUsage(finishes, candidatesPerPrompt),
    timings: totalTimings(finishes.map((finish) => finish.usage)),
  };
}
