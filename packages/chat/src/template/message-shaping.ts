import type { ChatMessage } from '@pippa/core';

/** What to do with system messages that a template does not take where they stand. */
export type SystemPlacement =
  /** As they are. */
  | 'keep'
  /** Those at the start become one; later ones become user messages. */
  | 'first'
  /** Those at the start go into the first user message; later ones become user messages. */
  | 'fold';

const SEPARATOR = '\n\n';

/** Moves system (and developer) messages to where the template takes them. No text is lost, and the order stays. */
export function placeSystemMessages(messages: readonly ChatMessage[], placement: SystemPlacement): readonly ChatMessage[] {
  if (placement === 'keep') return messages;
  const leading = messages.findIndex((message) => !isSystem(message));
  const systems = leading < 0 ? messages : messages.slice(0, leading);
  const rest = (leading < 0 ? [] : messages.slice(leading)).map((message) =>
    isSystem(message) ? { role: 'user' as const, content: message.content } : message,
  );
  if (systems.length === 0) return rest;
  const content = systems.map((message) => message.content).join(SEPARATOR);
  if (placement === 'first') return [{ role: 'system', content }, ...rest];
  const firstUser = rest.findIndex((message) => message.role === 'user');
  if (firstUser !== 0) return [{ role: 'user', content }, ...rest];
  return rest.map((message, index) => (index === 0 ? { ...message, content: content + SEPARATOR + message.content } : message));
}

/** Joins neighbours of one role, for templates that want user and assistant to alternate. Tool calls and results stay apart. */
export function mergeNeighbours(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const merged: ChatMessage[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    if (last === undefined || last.role !== message.role || last.role === 'tool' || hasCalls(last) || hasCalls(message)) {
      merged.push(message);
    } else {
      merged[merged.length - 1] = { ...last, content: last.content + SEPARATOR + message.content };
    }
  }
  return merged;
}

/** One call a message, each followed by its results, for templates that take no more or forget all but the first. */
export function separateCalls(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const separated: ChatMessage[] = [];
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index] as ChatMessage;
    const calls = message.role === 'assistant' ? (message.toolCalls ?? []) : [];
    if (message.role !== 'assistant' || calls.length < 2) {
      separated.push(message);
      continue;
    }
    const results: ChatMessage[] = [];
    while (messages[index + 1]?.role === 'tool') results.push(messages[(index += 1)] as ChatMessage);
    const { reasoning: _thought, ...later } = message;
    for (const [place, call] of calls.entries()) {
      separated.push(place === 0 ? { ...message, toolCalls: [call] } : { ...later, content: '', toolCalls: [call] });
      // Results without an id belong to the calls in their order.
      separated.push(
        ...takeResults(results, (result, at) => result.toolCallId === call.id || (result.toolCallId === undefined && at === 0)),
      );
    }
    separated.push(...results);
  }
  return separated;
}

function takeResults(
  results: ChatMessage[],
  fits: (result: ChatMessage & { readonly role: 'tool' }, index: number) => boolean,
): ChatMessage[] {
  const taken = results.filter((result, index) => result.role === 'tool' && fits(result, index));
  for (const result of taken) results.splice(results.indexOf(result), 1);
  return taken;
}

/** Puts a blank answer between the results of calls and a user who went on without one, for templates that want one there. */
export function answerResults(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  return messages.flatMap((message, index) =>
    message.role === 'user' && messages[index - 1]?.role === 'tool' ? [{ role: 'assistant', content: ' ' }, message] : [message],
  );
}

export function isSystem(message: ChatMessage): boolean {
  return message.role === 'system' || message.role === 'developer';
}

export function hasCalls(message: ChatMessage): boolean {
  return message.role === 'assistant' && message.toolCalls !== undefined && message.toolCalls.length > 0;
}
