import type { ChatMessage, ToolCall } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import type { ChatMessageBody } from './schemas/chat.ts';

/** Between the text parts of one message, as llama.cpp and vLLM join them. */
const PART_SEPARATOR = '\n';

/** Turns OpenAI messages into those of the project. Throws an `InvalidRequestError` for content that is not text. */
export function readMessages(messages: readonly ChatMessageBody[]): ChatMessage[] {
  return messages.map((message, index) => readMessage(message, `messages[${index}]`));
}

function readMessage(message: ChatMessageBody, param: string): ChatMessage {
  const content = readContent(message, param);
  const name = message.name ?? undefined;
  const { role } = message;
  if (role === 'assistant') return readAssistant(message, content, param);
  const named = { content: required(content, param), ...(name === undefined ? {} : { name }) };
  if (role !== 'tool' && role !== 'function') return { role, ...named };
  const toolCallId = message.tool_call_id ?? undefined;
  return { role: 'tool', ...named, ...(toolCallId === undefined ? {} : { toolCallId }) };
}

function readAssistant(message: ChatMessageBody, content: string | undefined, param: string): ChatMessage {
  const toolCalls = (message.tool_calls ?? []).map((call, index): ToolCall => {
    const given = call.function.arguments ?? '{}';
    return {
      id: call.id ?? `call_${index}`,
      name: call.function.name,
      arguments: typeof given === 'string' ? given : JSON.stringify(given),
    };
  });
  const reasoning = message.reasoning_content ?? undefined;
  return {
    role: 'assistant',
    content: toolCalls.length > 0 || reasoning !== undefined ? (content ?? '') : required(content, param),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}

function readContent(message: ChatMessageBody, param: string): string | undefined {
  const { content } = message;
  if (content === null || content === undefined || typeof content === 'string') return content ?? undefined;
  const texts = content.map((part, index) => {
    const partParam = `${param}.content[${index}]`;
    if (part.type === 'text') return requiredPart(part.text, `${partParam}.text`);
    if (part.type === 'refusal' && message.role === 'assistant') return requiredPart(part.refusal, `${partParam}.refusal`);
    throw new InvalidRequestError(`'${partParam}' is of type ${JSON.stringify(part.type)}, but the models here read text only.`, {
      param: `${partParam}.type`,
      reason: 'unsupported_content',
      hint: 'Send parts of type "text".',
    });
  });
  return texts.join(PART_SEPARATOR);
}

const required = (content: string | undefined, param: string): string => requiredPart(content, `${param}.content`);

function requiredPart(text: string | null | undefined, param: string): string {
  if (text !== null && text !== undefined) return text;
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
}
