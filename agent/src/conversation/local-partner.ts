import type { ChatMessage } from '@pippa/core';
import type { OpenedModel } from '../open-model.ts';
import type { AnswerPart, Partner } from './partner.ts';

/** A model loaded in this process, without HTTP. */
export class LocalPartner implements Partner {
  readonly model: string;
  readonly place = 'in this process';
  readonly #opened: OpenedModel;

  constructor(opened: OpenedModel) {
    this.#opened = opened;
    this.model = opened.served.name;
  }

  async *answer(messages: readonly ChatMessage[], { signal }: { readonly signal: AbortSignal }): AsyncIterable<AnswerPart> {
    const events = this.#opened.served.chat(
      { messages, tools: [], toolChoice: 'none', responseFormat: { kind: 'text' }, sampler: {}, stop: [], lane: 'interactive' },
      { signal },
    );
    for await (const event of events) {
      if (event.kind === 'text' || event.kind === 'reasoning') yield { kind: event.kind, text: event.text };
      if (event.kind === 'finish') {
        const { promptTokens, generatedTokens } = event.usage;
        yield { kind: 'finish', reason: event.reason, promptTokens, generatedTokens };
      }
    }
  }

  stop(): Promise<void> {
    return this.#opened.stop();
  }
}
