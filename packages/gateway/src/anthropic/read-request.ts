import type { ChatMessage, ChatRequest, SamplerSettings, ToolDefinition } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { chooseTools } from '../openai/tool-choice.ts';
import type { ToolWish } from '../openai/tool-choice.ts';
import { joinTexts, readMessages } from './read-messages.ts';
import type { AnthropicMessagesBody, AnthropicPromptBody } from './schemas.ts';

/** Makes the request of a messages body. Throws an `InvalidRequestError` for what no model here does. */
export function readMessagesRequest(body: AnthropicMessagesBody): ChatRequest {
  return {
    ...readPrompt(body),
    sampler: readSampler(body),
    maxTokens: body.max_tokens,
    stop: (body.stop_sequences ?? []).filter((text) => text !== ''),
  };
}

/** What decides the prompt, for counting its tokens. */
export function readPrompt(body: AnthropicPromptBody): ChatRequest {
  refuseServers(body);
  const schema = body.output_config?.format?.schema;
  const parallel = body.tool_choice?.disable_parallel_tool_use;
  return {
    messages: [...readSystem(body.system), ...readMessages(body.messages)],
    ...chooseTools(readTools(body), toolWish(body)),
    ...(parallel === true ? { parallelToolCalls: false } : {}),
    responseFormat: schema === undefined ? { kind: 'text' } : { kind: 'schema', schema },
    templateVariables: readVariables(body),
    sampler: {},
    stop: [],
    lane: 'interactive',
  };
}

/** Anthropic's models think when they are asked to, and not otherwise. */
export function wantsThinking({ thinking }: AnthropicPromptBody): boolean {
  return thinking !== null && thinking !== undefined && thinking.type !== 'disabled';
}

function refuseServers({ mcp_servers: servers }: AnthropicPromptBody): void {
  if (servers === null || servers === undefined || servers.length === 0) return;
  throw new InvalidRequestError("'mcp_servers' are not called from here.", {
    param: 'mcp_servers',
    reason: 'unsupported_parameter',
    hint: 'Offer their tools as your own, and call them yourself.',
  });
}

function readSystem(system: AnthropicPromptBody['system']): ChatMessage[] {
  const content = typeof system === 'string' ? system : joinTexts(system ?? [], 'system');
  return content === '' ? [] : [{ role: 'system', content }];
}

function readTools({ tools }: AnthropicPromptBody): ToolDefinition[] {
  return (tools ?? []).map(({ type, name, description, input_schema: parameters, strict }, index) => {
    if (type !== null && type !== undefined && type !== 'custom') {
      throw new InvalidRequestError(`The tool ${JSON.stringify(type)} runs on Anthropic's servers only.`, {
        param: `tools[${index}].type`,
        reason: 'unsupported_value',
        hint: 'Offer tools with an input_schema of your own.',
      });
    }
    return {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      ...(parameters === null || parameters === undefined ? {} : { parameters }),
      ...(strict === true ? { strict } : {}),
    };
  });
}

function toolWish({ tool_choice: choice }: AnthropicPromptBody): ToolWish {
  if (choice === null || choice === undefined) return 'auto';
  if (choice.type === 'any') return 'required';
  if (choice.type !== 'tool') return choice.type;
  if (typeof choice.name === 'string') return { name: choice.name };
  throw new InvalidRequestError("Missing required parameter: 'tool_choice.name'.", {
    param: 'tool_choice.name',
    reason: 'missing_required_parameter',
  });
}

function readVariables(body: AnthropicPromptBody): Record<string, unknown> {
  const effort = body.output_config?.effort ?? undefined;
  return { enable_thinking: wantsThinking(body), ...(effort === undefined ? {} : { reasoning_effort: effort }) };
}

function readSampler({ temperature, top_p: topP, top_k: topK }: AnthropicMessagesBody): Partial<SamplerSettings> {
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { topP } : {}),
    ...(typeof topK === 'number' ? { topK: Math.max(0, topK) } : {}),
  };
}
