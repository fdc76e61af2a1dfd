import type { Clock, TextEvent, TextLogprob } from '@pippa/core';
import { finiteLogprob } from '../openai/logprobs.ts';
import type { FinishEvent } from '../openai/generations.ts';
import { newItemId } from './ids.ts';
import { encodeReasoning } from './input-items.ts';
import type { OutputItem, OutputLogprob, ResponseObject } from './response-schemas.ts';

export interface ResponseEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

type OpenItem =
  | { readonly kind: 'message'; readonly id: string; text: string; readonly logprobs: OutputLogprob[] }
  | { readonly kind: 'reasoning'; readonly id: string; text: string }
  | { readonly kind: 'function_call'; readonly id: string; readonly callId: string; readonly name: string; text: string };

export interface ResponseBuilderOptions {
  /** The response as it stands before anything was generated. */
  readonly initial: ResponseObject;
  /** Reasoning items carry what stands for their text with clients that keep only the encrypted form. */
  readonly encryptedReasoning: boolean;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** Builds a response item by item, and tells each step as an event of the stream. */
export class ResponseBuilder {
  #options: ResponseBuilderOptions;
  #response: ResponseObject;
  #begun = false;
  #sequence = 0;
  #done: OutputItem[] = [];
  #open: OpenItem | undefined;

  constructor(options: ResponseBuilderOptions) {
    this.#options = options;
    this.#response = options.initial;
  }

  get response(): ResponseObject {
    return this.#response;
  }

  take(event: TextEvent): ResponseEvent[] {
    switch (event.kind) {
      case 'text':
        return event.text === '' && (event.logprobs ?? []).length === 0 ? [] : this.#text(event);
      case 'reasoning':
        return event.text === '' ? [] : this.#reasoning(event.text);
      case 'tool_call':
        return this.#call(event);
      case 'finish':
        return [...this.#begin(), ...this.#close(event.reason === 'length'), this.#finish(event)];
    }
  }

  /** The answer broke off. */
  fail(code: string, message: string): ResponseEvent[] {
    const events = [...this.#begin(), ...this.#close(true)];
    this.#response = { ...this.#response, status: 'failed', output: this.#done, error: { code, message } };
    return [...events, this.#event('response.failed', { response: this.#response })];
  }

  #text({ text, logprobs }: Extract<TextEvent, { kind: 'text' }>): ResponseEvent[] {
    const before =
      this.#open?.kind === 'message' ? [] : this.#add({ kind: 'message', id: newItemId('message'), text: '', logprobs: [] });
    if (this.#open?.kind !== 'message') return before;
    const shown = (logprobs ?? []).map((one) => outputLogprob(one));
    this.#open.text += text;
    this.#open.logprobs.push(...shown);
    return [
      ...before,
      this.#event('response.output_text.delta', { ...this.#place(), content_index: 0, delta: text, logprobs: shown }),
    ];
  }

  #reasoning(text: string): ResponseEvent[] {
    const before = this.#open?.kind === 'reasoning' ? [] : this.#add({ kind: 'reasoning', id: newItemId('reasoning'), text: '' });
    if (this.#open !== undefined) this.#open.text += text;
    return [...before, this.#event('response.reasoning_text.delta', { ...this.#place(), content_index: 0, delta: text })];
  }

  #call({ id, name, argumentsDelta: delta }: Extract<TextEvent, { kind: 'tool_call' }>): ResponseEvent[] {
    const item = { kind: 'function_call', id: newItemId('function_call'), callId: id ?? '', name: name ?? '', text: '' } as const;
    const before = id === undefined ? [] : this.#add({ ...item });
    if (delta === '') return before;
    if (this.#open !== undefined) this.#open.text += delta;
    return [...before, this.#event('response.function_call_arguments.delta', { ...this.#place(), delta })];
  }

  #add(item: OpenItem): ResponseEvent[] {
    const before = [...this.#begin(), ...this.#close(false)];
    this.#open = item;
    const added = this.#event('response.output_item.added', {
      output_index: this.#done.length,
      item: this.#shown(item, 'in_progress'),
    });
    const part = partOf(item);
    if (part === undefined) return [...before, added];
    return [
      ...before,
      added,
      this.#event('response.content_part.added', { ...this.#place(), content_index: 0, part: { ...part, text: '' } }),
    ];
  }

  /** Ends the item under way. */
  #close(cut: boolean): ResponseEvent[] {
    const item = this.#open;
    if (item === undefined) return [];
    const place = this.#place();
    const shown = this.#shown(item, cut ? 'incomplete' : 'completed');
    const events = this.#textDone(item, place);
    this.#open = undefined;
    this.#done.push(shown);
    return [...events, this.#event('response.output_item.done', { output_index: place.output_index, item: shown })];
  }

  #textDone(item: OpenItem, place: { readonly item_id: string; readonly output_index: number }): ResponseEvent[] {
    if (item.kind === 'function_call') {
      return [this.#event('response.function_call_arguments.done', { ...place, name: item.name, arguments: item.text })];
    }
    const done =
      item.kind === 'message'
        ? this.#event('response.output_text.done', { ...place, content_index: 0, text: item.text, logprobs: item.logprobs })
        : this.#event('response.reasoning_text.done', { ...place, content_index: 0, text: item.text });
    return [done, this.#event('response.content_part.done', { ...place, content_index: 0, part: partOf(item) })];
  }

  #begin(): ResponseEvent[] {
    if (this.#begun) return [];
    this.#begun = true;
    const response = this.#response;
    return [this.#event('response.created', { response }), this.#event('response.in_progress', { response })];
  }

  #finish(finish: FinishEvent): ResponseEvent {
    const cut = finish.reason === 'length';
    this.#response = {
      ...this.#response,
      status: cut ? 'incomplete' : 'completed',
      completed_at: cut ? null : Math.floor(this.#options.clock.wallMs() / 1000),
      incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
      output: this.#done,
      usage: usageOf(finish),
    };
    return this.#event(cut ? 'response.incomplete' : 'response.completed', { response: this.#response });
  }

  #place(): { readonly item_id: string; readonly output_index: number } {
    return { item_id: this.#open?.id ?? '', output_index: this.#done.length };
  }

  #shown(item: OpenItem, status: OutputItem['status']): OutputItem {
    const { id, text } = item;
    const began = status === 'in_progress';
    if (item.kind === 'function_call') {
      return { id, type: item.kind, status, call_id: item.callId, name: item.name, arguments: text };
    }
    if (item.kind === 'message') {
      const content = { type: 'output_text' as const, text, annotations: [], logprobs: item.logprobs };
      return { id, type: item.kind, status, role: 'assistant', content: began ? [] : [content] };
    }
    return {
      id,
      type: item.kind,
      status,
      summary: [],
      content: began ? [] : [{ type: 'reasoning_text', text }],
      ...(this.#options.encryptedReasoning && !began ? { encrypted_content: encodeReasoning(text) } : {}),
    };
  }

  #event(type: string, fields: object): ResponseEvent {
    return { type, sequence_number: this.#sequence++, ...fields };
  }
}

function partOf(item: OpenItem): { readonly type: string; readonly text: string } | undefined {
  if (item.kind === 'function_call') return undefined;
  if (item.kind === 'reasoning') return { type: 'reasoning_text', text: item.text };
  const part = { type: 'output_text', text: item.text, annotations: [], logprobs: item.logprobs };
  return part;
}

function usageOf({ usage, reasoningTokens }: FinishEvent): ResponseObject['usage'] {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.generatedTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: usage.promptTokens + usage.generatedTokens,
  };
}

function outputLogprob({ text, bytes, logprob, top }: TextLogprob): OutputLogprob {
  const shown = (one: Omit<TextLogprob, 'top'>) => ({
    token: one.text,
    bytes: [...one.bytes],
    logprob: finiteLogprob(one.logprob),
  });
  return { ...shown({ text, bytes, logprob }), top_logprobs: top.map((one) => shown(one)) };
}
