import type { ChatMessage, ToolDefinition } from '@pippa/core';
import { isSystem } from './message-shaping.ts';
import { toolVariables } from './message-variables.ts';

/**
 * Tools for models whose template knows none: described in the system message, called in the `<tool_call>` form that most open
 * models have seen, with calls and results of earlier turns written as text.
 */
export function withPromptedTools(messages: readonly ChatMessage[], tools: readonly ToolDefinition[]): readonly ChatMessage[] {
  const asText = messages.map(toText);
  if (tools.length === 0) return asText;
  const instructions = toolInstructions(tools);
  const [first, ...rest] = asText;
  // Many templates take one system message and forget others.
  if (first === undefined || !isSystem(first)) return [{ role: 'system', content: instructions }, ...asText];
  return [{ ...first, content: `${first.content}\n\n${instructions}` }, ...rest];
}

function toolInstructions(tools: readonly ToolDefinition[]): string {
  const described = toolVariables(tools).map((tool) => JSON.stringify(tool));
  return [
    'You can call functions. Their signatures, as JSON, one a line:',
    '<tools>',
    ...described,
    '</tools>',
    'To call a function, write its name and arguments as a JSON object between <tool_call> tags, and nothing after it:',
    '<tool_call>',
    '{"name": "function_name", "arguments": {"argument_name": "value"}}',
    '</tool_call>',
    'The result comes back between <tool_response> tags. When no function helps, answer as usual.',
  ].join('\n');
}

function toText(message: ChatMessage): ChatMessage {
  if (message.role === 'tool') return { role: 'user', content: `<tool_response>\n${message.content}\n</tool_response>` };
  if (message.role !== 'assistant' || message.toolCalls === undefined || message.toolCalls.length === 0) return message;
  const calls = message.toolCalls.map((call) => {
    const callArguments = call.arguments.trim() === '' ? '{}' : call.arguments;
    return `<tool_call>\n{"name": ${JSON.stringify(call.name)}, "arguments": ${callArguments}}\n</tool_call>`;
  });
  const { toolCalls: _written, ...rest } = message;
  return { ...rest, content: [message.content, ...calls].filter((part) => part !== '').join('\n') };
}
