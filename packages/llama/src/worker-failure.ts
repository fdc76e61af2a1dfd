import { errorMessage, PippaError } from '@pippa/core';
import { DecodeError, LibraryError, LoadCancelledError, ModelLoadError, SlotStateError } from './errors.ts';
import type { WorkerFailure } from './worker-messages.ts';

export function describeFailure(error: unknown): WorkerFailure {
  if (!(error instanceof PippaError)) return { name: 'Error', code: 'unexpected', message: errorMessage(error) };
  const described = { name: error.name, code: error.code, message: error.message };
  return error.hint === undefined ? described : { ...described, hint: error.hint };
}

/** The error again, of its own class where it is one of this package's. */
export function reviveFailure(failure: WorkerFailure): Error {
  const options = failure.hint === undefined ? {} : { hint: failure.hint };
  switch (failure.name) {
    case 'LibraryError':
      return new LibraryError(failure.message, options);
    case 'LoadCancelledError':
      return new LoadCancelledError(failure.message, options);
    case 'DecodeError':
      return new DecodeError(failure.message, options);
    case 'SlotStateError':
      return new SlotStateError(failure.message, options);
    default:
      return new ModelLoadError(failure.message, options);
  }
}
