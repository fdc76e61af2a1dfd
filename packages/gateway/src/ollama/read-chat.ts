import type { ChatMessage, ChatRequest, ServedModel, ToolCall } from '@pippa/core';
import { readFormat, readTextRequest, readThink, refuseImages } from './read-shared.ts';
import type { OllamaChatBody, OllamaMessageBody } from './schemas.ts';

/** Makes the request of a chat body. Throws an `InvalidRequestError` for what no model here does. */
export function readChat(body: OllamaChatBody, model: ServedModel): ChatRequest {
  return {
    ...readTextRequest(body, model),
    messages: readMessages(body.messages ?? []),
    tools: (body.tools ?? []).map(({ function: { name, description, parameters } }) => ({
      name,
      ...(typeof description === 'string' ? { description } : {}),
      ...(parameters === null || parameters === undefined ? {} : { parameters }),
    })),
    toolChoice: 'auto',
    responseFormat: readFormat(body),
    ...readThink(body),
  };
}

/** Ollama's calls need no ids: results belong to the calls before them by the tool's name, else by their order. */
function readMessages(messages: readonly OllamaMessageBody[]): ChatMessage[] {
  const unanswered: ToolCall[] = [];
  return messages.map((message, index) => {
    const content = message.content ?? '';
    refuseImages(message.images, `messages[${index}].images`);
    if (message.role === 'assistant') {
      const toolCalls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }, call): ToolCall => ({
        id: id ?? `call_${index}_${call}`,
        name,
        arguments: JSON.stringify(given ?? {}),
      }));
      unanswered.push(...toolCalls);
      return {
        role: 'assistant',
        content,
        ...(message.thinking ? { reasoning: message.thinking } : {}),
        ...(toolCalls.length === 0 ? {} : { toolCalls }),
      };
    }
    if (message.role !== 'tool') return { role: message.role, content };
    const name = message.tool_name ?? undefined;
    const call = takeCall(unanswered, message.tool_call_id ?? undefined, name);
    const toolCallId = message.tool_call_id ?? call?.id;
    const toolName = name ?? call?.name;
    return {
      role: 'tool',
      content,
      ...(toolCallId === undefined ? {} : { toolCallId }),
      ...(toolName === undefined ? {} : { name: toolName }),
    };
  });
}

function takeCall(calls: ToolCall[], id: string | undefined, name: string | undefined): ToolCall | undefined {
  const index = calls.findIndex((call) => (id === undefined ? name === undefined || call.name === name : call.id === id));
  return index < 0 ? undefined : calls.splice(index, 1)[0];
}
