import type { PromptUsage, TextEvent } from '@pippa/core';
import { describeError } from '../http/error-body.ts';
import { EVENT_STREAM } from '../http/stream-format.ts';
import type { ChoiceEncoder, StreamFraming } from '../openai/answer.ts';
import type { FinishEvent } from '../openai/generations.ts';
import { anthropicError } from './error-body.ts';
import { stopOf, usageOf } from './finish.ts';
import { signatureOf } from './identity.ts';
import type { MessageIdentity } from './identity.ts';

const PING = event('ping', {});

export interface MessageStreamOptions {
  readonly showThinking: boolean;
  readonly stopSequences: readonly string[];
  /** What is known of the prompt when the first event comes. */
  readonly prompt: () => PromptUsage;
}

/** Encodes a streamed message: blocks one after the other, each with its start, deltas and stop. */
export class MessageStreamEncoder implements ChoiceEncoder {
  #identity: MessageIdentity;
  #options: MessageStreamOptions;
  #begun = false;
  #index = -1;
  #open: 'text' | 'thinking' | 'tool_use' | undefined;
  #thinking = '';
  /** Repeats in every delta of the open block. */
  #deltaHead = '';

  constructor(identity: MessageIdentity, options: MessageStreamOptions) {
    this.#identity = identity;
    this.#options = options;
  }

  encode(given: TextEvent): string {
    switch (given.kind) {
      case 'text':
        return given.text === '' ? '' : this.#enter('text') + this.#delta('text_delta', 'text', given.text);
      case 'reasoning':
        return given.text === '' || !this.#options.showThinking ? '' : this.#think(given.text);
      case 'tool_call':
        return this.#call(given);
      case 'finish':
        return this.#start() + this.#leave() + this.#finish(given);
    }
  }

  #think(text: string): string {
    const entered = this.#enter('thinking');
    this.#thinking += text;
    return entered + this.#delta('thinking_delta', 'thinking', text);
  }

  #call({ id, name, argumentsDelta }: Extract<TextEvent, { kind: 'tool_call' }>): string {
    const begun = id === undefined ? '' : this.#begin('tool_use', { type: 'tool_use', id, name: name ?? '', input: {} });
    return argumentsDelta === '' ? begun : begun + this.#delta('input_json_delta', 'partial_json', argumentsDelta);
  }

  #enter(kind: 'text' | 'thinking'): string {
    if (this.#open === kind) return '';
    return this.#begin(
      kind,
      kind === 'text' ? { type: kind, text: '', citations: null } : { type: kind, thinking: '', signature: '' },
    );
  }

  #begin(kind: 'text' | 'thinking' | 'tool_use', block: object): string {
    const before = this.#start() + this.#leave();
    this.#index++;
    this.#open = kind;
    this.#deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":{"type":`;
    const started = event('content_block_start', { index: this.#index, content_block: block });
    return before + started + (this.#index === 0 ? PING : '');
  }

  #delta(type: string, key: string, text: string): string {
    return `${this.#deltaHead}"${type}","${key}":${JSON.stringify(text)}}}\n\n`;
  }

  #leave(): string {
    if (this.#open === undefined) return '';
    const signature = this.#open === 'thinking' ? this.#delta('signature_delta', 'signature', signatureOf(this.#thinking)) : '';
    this.#open = undefined;
    this.#thinking = '';
    return signature + event('content_block_stop', { index: this.#index });
  }

  #start(): string {
    if (this.#begun) return '';
    this.#begun = true;
    const { id, model } = this.#identity;
    const usage = usageOf(this.#options.prompt(), 0);
    const message = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage };
    return event('message_start', { message });
  }

  #finish(finish: FinishEvent): string {
    const { usage } = finish;
    const delta = stopOf(finish, this.#options.stopSequences);
    return event('message_delta', { delta, usage: usageOf(usage, usage.generatedTokens) }) + event('message_stop', {});
  }
}

/** @param requestId told to the client when the answer fails in the middle */
export function messageFraming(requestId: string): StreamFraming {
  return {
    format: { contentType: EVENT_STREAM.contentType, keepAlive: PING, comment: (text) => EVENT_STREAM.comment(text) + PING },
    closing: () => '',
    failure: (error) =>
      `event: error\ndata: ${JSON.stringify(anthropicError(describeError(error, 'messages'), requestId).body)}\n\n`,
  };
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
