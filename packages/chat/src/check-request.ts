import { InvalidInputError, type ChatRequest } from '@pippa/core';
import { MAX_MESSAGES, MAX_STOP_CHARACTERS, MAX_STOP_STRINGS, MAX_TOOLS } from './limits.ts';

/** Throws `InvalidInputError` for a request past this package's bounds, or one that asks for a tool it does not offer. */
export function checkChat({ messages, tools, toolChoice, stop }: ChatRequest): void {
  if (messages.length === 0) throw new InvalidInputError('A chat needs at least one message.', { path: 'messages' });
  if (messages.length > MAX_MESSAGES) {
    throw new InvalidInputError(`A chat has at most ${MAX_MESSAGES} messages, not ${messages.length}.`, { path: 'messages' });
  }
  if (tools.length > MAX_TOOLS) {
    throw new InvalidInputError(`A request offers at most ${MAX_TOOLS} tools, not ${tools.length}.`, { path: 'tools' });
  }
  if (toolChoice === 'required' && tools.length === 0) {
    throw new InvalidInputError('tool_choice "required" needs tools to choose from.', { path: 'tool_choice' });
  }
  if (typeof toolChoice === 'object' && !tools.some((tool) => tool.name === toolChoice.name)) {
    throw new InvalidInputError(`tool_choice names "${toolChoice.name}", which is not among the tools.`, { path: 'tool_choice' });
  }
  checkStops(stop);
}

export function checkStops(stop: readonly string[]): void {
  if (stop.length > MAX_STOP_STRINGS) {
    throw new InvalidInputError(`At most ${MAX_STOP_STRINGS} stop strings are looked for, not ${stop.length}.`, { path: 'stop' });
  }
  if (stop.some((text) => text.length > MAX_STOP_CHARACTERS)) {
    throw new InvalidInputError(`A stop string has at most ${MAX_STOP_CHARACTERS} characters.`, { path: 'stop' });
  }
}
