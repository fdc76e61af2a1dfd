import type { TextEvent, TextLogprob } from '@pippa/core';
import { finiteLogprob } from '../openai/logprobs.ts';
import { parsedArguments } from '../openai/parsed-arguments.ts';
import type { FinishEvent } from '../openai/generations.ts';
import type { OllamaAnswerFields, OllamaChatResponse } from './response-schemas.ts';

export type OllamaToolCall = NonNullable<OllamaChatResponse['message']['tool_calls']>[number];
export type OllamaLogprob = NonNullable<OllamaAnswerFields['logprobs']>[number];

/** Puts calls together: Ollama sends each whole, its arguments as an object. */
export class CallAssembler {
  #begun: { readonly id: string; readonly name: string; readonly index: number; text: string } | undefined;

  /** The call before, when another begins. */
  take({ id, name, index, argumentsDelta }: Extract<TextEvent, { kind: 'tool_call' }>): OllamaToolCall | undefined {
    const finished = id === undefined ? undefined : this.end();
    if (id !== undefined) this.#begun = { id, name: name ?? '', index, text: '' };
    if (this.#begun !== undefined) this.#begun.text += argumentsDelta;
    return finished;
  }

  /** The last call. */
  end(): OllamaToolCall | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun === undefined) return undefined;
    return { id: begun.id, function: { index: begun.index, name: begun.name, arguments: parsedArguments(begun.text) } };
  }
}

/** What the last message of an answer says besides. Times are nanoseconds. */
export function finishFields({ reason, usage }: FinishEvent): Omit<OllamaAnswerFields, 'model' | 'created_at'> {
  const { promptTokens, generatedTokens, queueMs, prefillMs, decodeMs } = usage;
  return {
    done: true,
    done_reason: reason === 'length' ? 'length' : 'stop',
    total_duration: nanoseconds(queueMs + prefillMs + decodeMs),
    load_duration: nanoseconds(queueMs),
    prompt_eval_count: promptTokens,
    prompt_eval_duration: nanoseconds(prefillMs),
    eval_count: generatedTokens,
    eval_duration: nanoseconds(decodeMs),
  };
}

export function ollamaLogprobs(logprobs: readonly TextLogprob[]): OllamaLogprob[] {
  return logprobs.map((one) => ({
    ...shown(one),
    ...(one.top.length === 0 ? {} : { top_logprobs: one.top.map((other) => shown(other)) }),
  }));
}

const shown = ({ text, logprob, bytes }: Omit<TextLogprob, 'top'>) => ({
  token: text,
  logprob: finiteLogprob(logprob),
  bytes: [...bytes],
});

/** As Ollama counts time. */
export const nanoseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6);
