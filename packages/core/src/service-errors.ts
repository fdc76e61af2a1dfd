import { PippaError } from './errors.ts';

/** 404: nobody in the mesh has such a model. */
export class ModelNotFoundError extends PippaError {
  readonly code = 'model_not_found';
  readonly available: readonly string[];

  constructor(name: string, available: readonly string[]) {
    super(`There is no model "${name}". Available: ${available.length > 0 ? available.join(', ') : 'none'}.`);
    this.available = available;
  }
}

/** 400: the prompt does not fit the context. */
export class PromptTooLongError extends PippaError {
  readonly code = 'context_length_exceeded';
  readonly promptTokens: number;
  readonly contextTokens: number;

  constructor(promptTokens: number, contextTokens: number) {
    super(
      `The prompt has ${promptTokens} tokens, but the context holds ${contextTokens}, the answer included. ` +
        'Shorten the prompt or start the agent with a larger --context.',
    );
    this.promptTokens = promptTokens;
    this.contextTokens = contextTokens;
  }
}

/** 503: the queue is full; the same request may succeed after `retryAfterSeconds`. */
export class OverloadedError extends PippaError {
  readonly code = 'overloaded';
  override readonly retryable = true;
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** 500: a stage failed or is gone. */
export class StageError extends PippaError {
  readonly code = 'stage_failed';
  override readonly retryable = true;
}

/** 400: the chat template refused the messages or could not be rendered. */
export class TemplateError extends PippaError {
  readonly code = 'template_failed';
}

/** 400: the grammar cannot be parsed by the engine. */
export class GrammarError extends PippaError {
  readonly code = 'invalid_grammar';
}
