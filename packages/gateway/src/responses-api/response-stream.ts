import type { TextEvent } from '@pippa/core';
import { describeError } from '../http/error-body.ts';
import { EVENT_STREAM } from '../http/stream-format.ts';
import type { ChoiceCollector, ChoiceEncoder, StreamFraming } from '../openai/answer.ts';
import type { ResponseBuilder, ResponseEvent } from './response-builder.ts';

/** Sends what a builder tells, or only lets it build. */
export class ResponseEncoder implements ChoiceEncoder, ChoiceCollector {
  #builder: ResponseBuilder;

  constructor(builder: ResponseBuilder) {
    this.#builder = builder;
  }

  encode(event: TextEvent): string {
    return encodeEvents(this.#builder.take(event));
  }

  take(event: TextEvent): void {
    this.#builder.take(event);
  }
}

export const responseFraming = (builder: ResponseBuilder): StreamFraming => ({
  format: EVENT_STREAM,
  closing: () => '',
  failure(error) {
    const { code, message } = describeError(error, 'input').error;
    return encodeEvents(builder.fail(code ?? 'server_error', message));
  },
});

const encodeEvents = (events: readonly ResponseEvent[]): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
