import { TemplateError, type ChatMessage, type ToolDefinition } from '@pippa/core';
import type { CompiledTemplate } from './compiled-template.ts';
import { TemplateWorkError } from './interpreter.ts';
import { messageVariables, toolVariables, type VariableStyle } from './message-variables.ts';

/** What a template can do, found by rendering small conversations with it. */
export interface TemplateFeatures {
  readonly system: boolean;
  /** It shows system messages after the first message too. */
  readonly lateSystem: boolean;
  readonly developer: boolean;
  /** It shows tools to the model and renders calls and their results. */
  readonly tools: boolean;
  /** It renders earlier calls and their results, whether or not it can show tools (DeepSeek R1 cannot). */
  readonly calls: boolean;
  /** It renders all calls of a message. */
  readonly manyCalls: boolean;
  /** It wants content as a list of parts. */
  readonly typedContent: boolean;
  /** It wants the arguments of tool calls as JSON text. */
  readonly argumentsAsText: boolean;
}

const QUESTION = 'pippa-probe-question';
const INSTRUCTION = 'pippa-probe-instruction';
const RESULT = 'pippa-probe-result';
const TOOL: ToolDefinition = {
  name: 'pippa_probe_tool',
  description: 'pippa probe description',
  parameters: {
    type: 'object',
    properties: { pippa_probe_key: { type: 'string', description: 'pippa probe' } },
    required: ['pippa_probe_key'],
  },
};
const USER: ChatMessage = { role: 'user', content: QUESTION };
const CALL: readonly ChatMessage[] = [
  USER,
  {
    role: 'assistant',
    content: '',
    toolCalls: [{ id: 'pippa1234', name: TOOL.name, arguments: '{"pippa_probe_key": "pippa_probe_value"}' }],
  },
  { role: 'tool', content: RESULT, toolCallId: 'pippa1234', name: TOOL.name },
];

const MANY_CALLS: readonly ChatMessage[] = [
  USER,
  {
    role: 'assistant',
    content: '',
    toolCalls: ['value', 'other'].map((value, index) => ({
      id: `pippa123${index}`,
      name: TOOL.name,
      arguments: `{"pippa_probe_key": "pippa_probe_${value}"}`,
    })),
  },
  ...[0, 1].map((index): ChatMessage => ({ role: 'tool', content: RESULT, toolCallId: `pippa123${index}`, name: TOOL.name })),
];

/**
 * `globals`: variables that every rendering gets, such as `bos_token`. Throws `TemplateError` for a template that takes too much work on
 * the least conversation.
 */
export function detectFeatures(template: CompiledTemplate, globals: Readonly<Record<string, unknown>>): TemplateFeatures {
  const plain: VariableStyle = {
    argumentsAsText: false,
    typedContent: false,
    shortCallIds: false,
    withReasoning: true,
    developerRole: true,
  };
  const shows = (
    texts: readonly string[],
    messages: readonly ChatMessage[],
    style: VariableStyle,
    tools: readonly ToolDefinition[] = [],
  ) => {
    const rendered = tryRender(template, {
      ...globals,
      messages: messageVariables(messages, style),
      ...(tools.length > 0 && { tools: toolVariables(tools) }),
      add_generation_prompt: true,
    });
    return rendered !== undefined && texts.every((text) => rendered.includes(text));
  };
  const typedContent = !shows([QUESTION], [USER], plain) && shows([QUESTION], [USER], { ...plain, typedContent: true });
  const style = { ...plain, typedContent };
  const listed = template.source.includes('tools') && shows([TOOL.name], [USER], style, [TOOL]);
  const called = [TOOL.name, 'pippa_probe_key', 'pippa_probe_value', RESULT];
  const offered = listed ? [TOOL] : [];
  const mentioned = listed || template.source.includes('tool_calls');
  const objects = mentioned && shows(called, CALL, style, offered);
  const texts = mentioned && !objects && shows(called, CALL, { ...style, argumentsAsText: true }, offered);
  const callStyle = { ...style, argumentsAsText: texts };
  return {
    lateSystem: shows(
      [INSTRUCTION, QUESTION],
      [USER, { role: 'assistant', content: 'x' }, { role: 'system', content: INSTRUCTION }, USER],
      style,
    ),
    manyCalls: shows(['pippa_probe_value', 'pippa_probe_other', RESULT], MANY_CALLS, callStyle, offered),
    system: shows([INSTRUCTION, QUESTION], [{ role: 'system', content: INSTRUCTION }, USER], style),
    developer:
      /['"]developer['"]/.test(template.source) &&
      shows([INSTRUCTION, QUESTION], [{ role: 'developer', content: INSTRUCTION }, USER], style),
    tools: listed && (objects || texts),
    calls: objects || texts,
    typedContent,
    argumentsAsText: texts,
  };
}

function tryRender(template: CompiledTemplate, variables: Readonly<Record<string, unknown>>): string | undefined {
  try {
    return template.render(variables);
  } catch (error) {
    // One that does not end on a probe ends on nothing: no further attempt is worth its time.
    if (error instanceof TemplateError && !(error.cause instanceof TemplateWorkError)) return undefined;
    throw error;
  }
}
