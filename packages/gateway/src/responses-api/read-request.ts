import type { ChatMessage, ChatRequest, SamplerSettings, ServedModel, ToolDefinition } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { readTokenBound } from '../openai/chat-request.ts';
import { effortVariables } from '../openai/effort-variables.ts';
import { samplerSettings } from '../openai/sampler.ts';
import { chooseTools } from '../openai/tool-choice.ts';
import type { ToolWish } from '../openai/tool-choice.ts';
import { itemMessages } from './input-items.ts';
import type { ResponseBody, ResponsePromptBody } from './schemas.ts';

/**
 * Makes the request of a response body. Throws an `InvalidRequestError` for what nothing here does.
 * @param earlier what the conversation was before
 */
export function readResponseRequest(body: ResponseBody, earlier: readonly ChatMessage[], model: ServedModel): ChatRequest {
  if (body.background === true) refuse('background', "'background' is not supported.", 'Wait for the answer, or stream it.');
  const maxTokens = readTokenBound(body.max_output_tokens, 'max_output_tokens');
  const logprobs = wantsLogprobs(body) ? (body.top_logprobs ?? 0) : undefined;
  return {
    ...readResponsePrompt(body, earlier),
    sampler: readSampler(body, model),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(logprobs === undefined ? {} : { logprobs }),
  };
}

/** What decides the prompt, for counting its tokens. */
export function readResponsePrompt(body: ResponsePromptBody, earlier: readonly ChatMessage[]): ChatRequest {
  if (isGiven(body.conversation)) refuse('conversation', "'conversation' is not supported.", "Use 'previous_response_id'.");
  if (isGiven(body.prompt))
    refuse('prompt', "'prompt' templates are not kept here.", "Send the text as 'instructions' and 'input'.");
  const effort = body.reasoning?.effort ?? undefined;
  return {
    messages: readMessages(body, earlier),
    ...chooseTools(readTools(body), toolWish(body.tool_choice)),
    ...(typeof body.parallel_tool_calls === 'boolean' ? { parallelToolCalls: body.parallel_tool_calls } : {}),
    responseFormat: readFormat(body),
    ...(effort === undefined ? {} : { templateVariables: effortVariables(effort) }),
    sampler: {},
    stop: [],
    lane: 'interactive',
  };
}

function readMessages({ instructions, input }: ResponsePromptBody, earlier: readonly ChatMessage[]): ChatMessage[] {
  const given: ChatMessage[] = typeof input === 'string' ? [{ role: 'user', content: input }] : itemMessages(input ?? [], 'input');
  const messages = [...earlier, ...given];
  if (messages.length === 0) {
    throw new InvalidRequestError("Missing required parameter: 'input'.", { param: 'input', reason: 'missing_required_parameter' });
  }
  return [...(instructions ? [{ role: 'system' as const, content: instructions }] : []), ...messages];
}

/** The tools that can be called: those that the client runs. */
export function readTools({ tools }: ResponsePromptBody): ToolDefinition[] {
  const functions = (tools ?? []).flatMap(({ type, name, description, parameters, strict }, index): ToolDefinition[] => {
    if (type !== 'function') return [];
    if (typeof name !== 'string') {
      const param = `tools[${index}].name`;
      throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
    }
    return [
      {
        name,
        ...(typeof description === 'string' ? { description } : {}),
        ...(isGiven(parameters) ? { parameters } : {}),
        ...(strict === true ? { strict } : {}),
      },
    ];
  });
  const [other] = tools ?? [];
  if (other !== undefined && functions.length === 0) {
    refuse('tools[0].type', `Tools of type ${JSON.stringify(other.type)} do not run here.`, 'Offer tools of type "function".');
  }
  return functions;
}

function toolWish(choice: ResponsePromptBody['tool_choice']): ToolWish {
  if (choice === null || choice === undefined) return 'auto';
  if (typeof choice === 'string') return choice;
  if (choice.type === 'function') return { name: choice.name };
  return { mode: choice.mode, allowed: choice.tools.map((tool) => tool.name) };
}

function readFormat({ text }: ResponsePromptBody): ChatRequest['responseFormat'] {
  const format = text?.format;
  if (format === null || format === undefined || format.type === 'text') return { kind: 'text' };
  if (format.type === 'json_object') return { kind: 'json' };
  if (isGiven(format.schema)) return { kind: 'schema', schema: format.schema };
  const param = 'text.format.schema';
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
}

export const wantsLogprobs = ({ include, top_logprobs: top }: ResponseBody): boolean =>
  include?.includes('message.output_text.logprobs') === true || (top ?? 0) > 0;

function readSampler(body: ResponseBody, model: ServedModel): Partial<SamplerSettings> {
  const { temperature, top_p, top_k, seed } = body;
  return samplerSettings({ temperature, top_p, top_k, seed }, 0, model);
}

function refuse(param: string, message: string, hint: string): never {
  throw new InvalidRequestError(message, { param, reason: 'unsupported_parameter', hint });
}

const isGiven = <Value>(value: Value | null | undefined): value is Value => value !== null && value !== undefined;
