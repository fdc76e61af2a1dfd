import { PippaError } from '@pippa/core';

/** Another ring of the model has a free slot: whoever waited for this one asks again. */
export class SentOnError extends PippaError {
  readonly code = 'sent_on';
  override readonly retryable = true;

  constructor() {
    super('Another copy of the model has a free place for the request.');
  }
}
