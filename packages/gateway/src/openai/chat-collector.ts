import type { z } from '@hono/zod-openapi';
import type { TextEvent } from '@pippa/core';
import type { ChoiceCollector } from './answer.ts';
import type { AnswerIdentity } from './answer-identity.ts';
import type { FinishEvent } from './generations.ts';
import { chatTokenLogprobs } from './logprobs.ts';
import type { ChatTokenLogprob } from './logprobs.ts';
import type { chatCompletion } from './schemas/responses.ts';
import { totalTimings, totalUsage } from './usage.ts';

type ChatCompletion = z.output<typeof chatCompletion>;
type ChatChoice = ChatCompletion['choices'][number];

interface CollectedToolCall {
  id: string;
  name: string;
  arguments: string;
}

/** Gathers one choice of a chat completion that is sent whole. */
export class ChatChoiceCollector implements ChoiceCollector {
  #text = '';
  #reasoning = '';
  #toolCalls: CollectedToolCall[] = [];
  #logprobs: ChatTokenLogprob[] = [];
  #reason: FinishEvent['reason'] = 'stop';

  take(event: TextEvent): void {
    switch (event.kind) {
      case 'text':
        this.#text += event.text;
        if (event.logprobs !== undefined) this.#logprobs.push(...chatTokenLogprobs(event.logprobs));
        break;
      case 'reasoning':
        this.#reasoning += event.text;
        break;
      case 'tool_call': {
        const call = (this.#toolCalls[event.index] ??= { id: '', name: '', arguments: '' });
        call.id ||= event.id ?? '';
        call.name ||= event.name ?? '';
        call.arguments += event.argumentsDelta;
        break;
      }
      case 'finish':
        this.#reason = event.reason;
    }
  }

  choice(index: number, showLogprobs: boolean): ChatChoice {
    const toolCalls = this.#toolCalls
      .filter((call) => call !== undefined)
      .map(({ id, name, arguments: text }) => ({ id, type: 'function' as const, function: { name, arguments: text } }));
    return {
      index,
      message: {
        role: 'assistant',
        content: this.#text === '' && toolCalls.length > 0 ? null : this.#text,
        refusal: null,
        ...(this.#reasoning === '' ? {} : { reasoning_content: this.#reasoning }),
        ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
      },
      logprobs: showLogprobs ? { content: this.#logprobs, refusal: null } : null,
      finish_reason: this.#reason,
    };
  }
}

export function chatCompletionOf(
  identity: AnswerIdentity,
  choices: ChatChoice[],
  finishes: readonly FinishEvent[],
): ChatCompletion {
  return {
    id: identity.id,
    object: 'chat.completion',
    created: identity.created,
    model: identity.model,
    system_fingerprint: identity.system_fingerprint,
    choices,
    usage: totalUsage(finishes, finishes.length),
    timings: totalTimings(finishes.map((finish) => finish.usage)),
  };
}
