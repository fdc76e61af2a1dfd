import type { ErrorAnswer } from '../http/error-answer.ts';
import type { DescribedError } from '../http/error-body.ts';

/** An error in the shape of Ollama's API: its text alone. */
export function ollamaError({ status, headers, error }: DescribedError): ErrorAnswer {
  return { status, headers, body: { error: error.message } };
}
