import type { ChatRequest, ServedModel, ToolDefinition } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { readMessages } from './chat-messages.ts';
import { effortVariables } from './effort-variables.ts';
import { samplerSettings, stopStrings } from './sampler.ts';
import type { ChatCompletionBody } from './schemas/chat.ts';
import { chooseTools } from './tool-choice.ts';
import type { ToolWish } from './tool-choice.ts';

/**
 * Makes the requests for the `n` answers of a chat body; they differ in their seeds alone.
 * Throws an `InvalidRequestError` where fields contradict each other or ask for what no model here does.
 */
export function readChatRequests(body: ChatCompletionBody, model: ServedModel): ChatRequest[] {
  refuseUnsupported(body);
  const maxTokens =
    readTokenBound(body.max_completion_tokens, 'max_completion_tokens') ?? readTokenBound(body.max_tokens, 'max_tokens');
  const logprobs = readLogprobs(body);
  const templateVariables = readTemplateVariables(body);
  const { tools, toolChoice } = chooseTools(readTools(body), toolWish(body.tool_choice));
  const shared: Omit<ChatRequest, 'sampler'> = {
    messages: readMessages(body.messages),
    tools,
    toolChoice,
    responseFormat: readResponseFormat(body),
    stop: stopStrings(body.stop),
    lane: 'interactive',
    ...(typeof body.parallel_tool_calls === 'boolean' ? { parallelToolCalls: body.parallel_tool_calls } : {}),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(templateVariables === undefined ? {} : { templateVariables }),
  };
  return Array.from({ length: body.n ?? 1 }, (_, index) => ({ ...shared, sampler: samplerSettings(body, index, model) }));
}

/** The bound on generated tokens; undefined for none. */
export function readTokenBound(bound: number | null | undefined, param: string): number | undefined {
  if (bound === null || bound === undefined || bound === -1) return undefined;
  if (bound > 0) return bound;
  throw new InvalidRequestError(`Invalid '${param}': expected at least 1, but got ${bound}.`, {
    param,
    reason: 'integer_below_min_value',
  });
}

function refuseUnsupported(body: ChatCompletionBody): void {
  if (Array.isArray(body.functions) && body.functions.length > 0) {
    throw new InvalidRequestError("'functions' is not taken any more. Use 'tools'.", {
      param: 'functions',
      reason: 'unsupported_parameter',
    });
  }
  if (body.web_search_options !== null && body.web_search_options !== undefined) {
    throw new InvalidRequestError("'web_search_options' is not taken: nothing here searches the web.", {
      param: 'web_search_options',
      reason: 'unsupported_parameter',
    });
  }
  const modality = body.modalities?.find((one) => one !== 'text');
  if (modality !== undefined) {
    throw new InvalidRequestError(`The models here answer with text only, not with ${JSON.stringify(modality)}.`, {
      param: 'modalities',
      reason: 'unsupported_value',
    });
  }
  const constrained =
    (body.tools?.length ?? 0) > 0 ? 'tools' : (body.response_format?.type ?? 'text') === 'text' ? undefined : 'response_format';
  if (body.grammar && constrained !== undefined) {
    throw new InvalidRequestError(`'grammar' and '${constrained}' cannot be given together.`, {
      param: 'grammar',
      reason: 'invalid_value',
    });
  }
}

function readLogprobs(body: ChatCompletionBody): number | undefined {
  if (body.logprobs === true) return body.top_logprobs ?? 0;
  if (!body.top_logprobs) return undefined;
  throw new InvalidRequestError("'top_logprobs' needs 'logprobs' to be true.", { param: 'top_logprobs', reason: 'invalid_value' });
}

function readTools(body: ChatCompletionBody): ToolDefinition[] {
  return (body.tools ?? []).map(({ function: { name, description, parameters, strict } }) => ({
    name,
    ...(typeof description === 'string' ? { description } : {}),
    ...(parameters === null || parameters === undefined ? {} : { parameters }),
    ...(strict === true ? { strict } : {}),
  }));
}

function toolWish(choice: ChatCompletionBody['tool_choice']): ToolWish {
  if (choice === null || choice === undefined) return 'auto';
  if (typeof choice === 'string') return choice;
  if (choice.type === 'function') return { name: choice.function.name };
  const { mode, tools } = choice.allowed_tools;
  return { mode, allowed: tools.map((tool) => tool.function.name) };
}

function readResponseFormat({ response_format: format }: ChatCompletionBody): ChatRequest['responseFormat'] {
  if (format === null || format === undefined || format.type === 'text') return { kind: 'text' };
  const schema = format.type === 'json_schema' ? format.json_schema?.schema : format.schema;
  if (schema) return { kind: 'schema', schema };
  if (format.type === 'json_object') return { kind: 'json' };
  const param = 'response_format.json_schema.schema';
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
}

function readTemplateVariables(body: ChatCompletionBody): Record<string, unknown> | undefined {
  const effort = body.reasoning_effort ?? undefined;
  const given = body.chat_template_kwargs ?? undefined;
  if (effort === undefined && given === undefined) return undefined;
  return { ...(effort === undefined ? {} : effortVariables(effort)), ...given };
}
