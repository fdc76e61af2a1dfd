import {
  errorMessage,
  GrammarError,
  InvalidInputError,
  OverloadedError,
  PippaError,
  PromptTooLongError,
  StageError,
  StoppedError,
} from '@pippa/core';
import { SentOnError } from '../sent-on-error.ts';

/** An error as it travels to another node. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly retryAfterSeconds?: number;
}

export function describeError(error: unknown): WireError {
  const known = error instanceof PippaError ? error : undefined;
  return {
    code: known?.code ?? 'unexpected',
    message: errorMessage(error),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    ...(error instanceof OverloadedError ? { retryAfterSeconds: error.retryAfterSeconds } : {}),
  };
}

/** The error again, of its own class where callers tell it apart by that. */
export function reviveError(
  error: WireError,
  request: { readonly promptTokens: number; readonly contextTokens: number },
): PippaError {
  const options = error.hint === undefined ? {} : { hint: error.hint };
  switch (error.code) {
    case 'context_length_exceeded':
      return new PromptTooLongError(request.promptTokens, request.contextTokens);
    case 'overloaded':
      return new OverloadedError(error.message, error.retryAfterSeconds ?? 1);
    case 'invalid_grammar':
      return new GrammarError(error.message, options);
    case 'invalid_input':
      return new InvalidInputError(error.message, options);
    case 'sent_on':
      return new SentOnError();
    case 'stopped':
      return new StoppedError(error.message, options);
    default:
      return new StageError(error.message, options);
  }
}
