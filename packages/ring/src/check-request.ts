import { InvalidInputError, PromptTooLongError, type GenerationRequest } from '@pippa/core';

/** Throws `PromptTooLongError`, or `InvalidInputError` for what no ring with this vocabulary could compute. */
export function checkRequest(
  { prompt, maxTokens }: GenerationRequest,
  limits: { readonly contextTokens: number; readonly vocabularySize: number },
): void {
  if (prompt.length === 0) throw new InvalidInputError('The prompt is empty.', { path: 'prompt' });
  if (prompt.length >= limits.contextTokens) throw new PromptTooLongError(prompt.length, limits.contextTokens);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0) {
    throw new InvalidInputError(`maxTokens is ${maxTokens}, but must be a whole number.`, { path: 'maxTokens' });
  }
  for (const token of prompt) {
    if (token >= 0 && token < limits.vocabularySize) continue;
    throw new InvalidInputError(`The token ${token} is not in the model's vocabulary of ${limits.vocabularySize}.`, {
      path: 'prompt',
    });
  }
}
