import type { TextEvent } from '@pippa/core';
import { parsedArguments } from '../openai/parsed-arguments.ts';
import type { ChoiceCollector } from '../openai/answer.ts';
import type { FinishEvent } from '../openai/generations.ts';
import { stopOf, usageOf } from './finish.ts';
import { signatureOf } from './identity.ts';
import type { MessageIdentity } from './identity.ts';
import type { AnthropicMessageResponse, AnthropicOutputBlock } from './response-schemas.ts';

type Collected =
  | { readonly kind: 'text'; text: string }
  | { readonly kind: 'thinking'; text: string }
  | { readonly kind: 'tool_use'; readonly id: string; readonly name: string; text: string };

/** Gathers a message that is sent whole: its blocks in the order in which they came. */
export class MessageCollector implements ChoiceCollector {
  #showThinking: boolean;
  #blocks: Collected[] = [];

  constructor(showThinking: boolean) {
    this.#showThinking = showThinking;
  }

  take(event: TextEvent): void {
    if (event.kind === 'text') this.#add('text', event.text);
    else if (event.kind === 'reasoning' && this.#showThinking) this.#add('thinking', event.text);
    else if (event.kind === 'tool_call') this.#call(event);
  }

  message({ id, model }: MessageIdentity, finish: FinishEvent, stopSequences: readonly string[]): AnthropicMessageResponse {
    return {
      id,
      type: 'message',
      role: 'assistant',
      model,
      content: this.#blocks.map((block) => shown(block)),
      ...stopOf(finish, stopSequences),
      usage: usageOf(finish.usage, finish.usage.generatedTokens),
    };
  }

  #add(kind: 'text' | 'thinking', text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.kind === kind) last.text += text;
    else if (text !== '') this.#blocks.push({ kind, text });
  }

  #call({ id, name, argumentsDelta }: Extract<TextEvent, { kind: 'tool_call' }>): void {
    if (id !== undefined) this.#blocks.push({ kind: 'tool_use', id, name: name ?? '', text: '' });
    const last = this.#blocks.at(-1);
    if (last?.kind === 'tool_use') last.text += argumentsDelta;
  }
}

function shown(block: Collected): AnthropicOutputBlock {
  switch (block.kind) {
    case 'tool_use':
      return { type: 'tool_use', id: block.id, name: block.name, input: parsedArguments(block.text) };
    case 'thinking':
      return { type: 'thinking', thinking: block.text, signature: signatureOf(block.text) };
    case 'text':
      return { type: 'text', text: block.text, citations: null };
  }
}
