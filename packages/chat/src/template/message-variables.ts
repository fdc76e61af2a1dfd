import { createHash } from 'node:crypto';
import type { ChatMessage, ToolCall, ToolDefinition } from '@pippa/core';

/** How messages become template variables; templates differ in what they take. */
export interface VariableStyle {
  /** Arguments of tool calls as JSON text instead of objects. */
  readonly argumentsAsText: boolean;
  /** Content as a list of typed parts instead of a text. */
  readonly typedContent: boolean;
  /** Call ids as nine letters and digits (Mistral's templates refuse others). */
  readonly shortCallIds: boolean;
  /** Earlier reasoning is handed to the template. */
  readonly withReasoning: boolean;
  /** The `developer` role is known to the template. */
  readonly developerRole: boolean;
}

/** Messages as chat templates know them: OpenAI's shape, with earlier reasoning under every name in use. */
export function messageVariables(messages: readonly ChatMessage[], style: VariableStyle): Record<string, unknown>[] {
  const callNames = new Map<string, string>();
  return messages.map((message) => {
    switch (message.role) {
      case 'assistant': {
        for (const call of message.toolCalls ?? []) callNames.set(call.id, call.name);
        return assistantVariables(message, style);
      }
      case 'tool': {
        const name = message.name ?? callNames.get(message.toolCallId ?? '');
        return {
          role: 'tool',
          content: contentVariable(message.content, style),
          ...(message.toolCallId !== undefined && { tool_call_id: callId(message.toolCallId, style) }),
          ...(name !== undefined && { name }),
        };
      }
      case 'developer':
      case 'system':
      case 'user':
        return {
          role: message.role === 'developer' && !style.developerRole ? 'system' : message.role,
          content: contentVariable(message.content, style),
          ...(message.name !== undefined && { name: message.name }),
        };
    }
  });
}

/** Tools in OpenAI's shape. */
export function toolVariables(tools: readonly ToolDefinition[]): Record<string, unknown>[] {
  return tools.map((tool) => ({
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description ?? '',
      parameters: tool.parameters ?? { type: 'object', properties: {} },
    },
  }));
}

function assistantVariables(message: ChatMessage & { readonly role: 'assistant' }, style: VariableStyle): Record<string, unknown> {
  const calls = message.toolCalls ?? [];
  const reasoning = style.withReasoning ? message.reasoning : undefined;
  return {
    role: 'assistant',
    content: contentVariable(message.content, style),
    ...(reasoning !== undefined && reasoning !== '' && { reasoning_content: reasoning, thinking: reasoning, reasoning }),
    ...(calls.length > 0 && { tool_calls: calls.map((call) => callVariable(call, style)) }),
  };
}

function contentVariable(content: string, style: VariableStyle): unknown {
  return style.typedContent ? [{ type: 'text', text: content }] : content;
}

function callVariable(call: ToolCall, style: VariableStyle): Record<string, unknown> {
  return {
    id: callId(call.id, style),
    type: 'function',
    function: { name: call.name, arguments: style.argumentsAsText ? call.arguments : parsedArguments(call.arguments) },
  };
}

/** Arguments as an object where they are one; a text that is no JSON object stays a text. */
function parsedArguments(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}

const SHORT_ID = /^[a-zA-Z0-9]{9}$/;

function callId(id: string, style: VariableStyle): string {
  if (!style.shortCallIds || SHORT_ID.test(id)) return id;
  return createHash('sha256').update(id).digest('hex').slice(0, 9);
}
