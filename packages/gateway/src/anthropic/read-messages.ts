import type { ChatMessage, ToolCall } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import type { AnthropicBlockBody, AnthropicMessageBody, AnthropicTextBlockBody } from './schemas.ts';

/** Between the text blocks of one message. */
const BLOCK_SEPARATOR = '\n';

/** Turns Anthropic's messages into those of the project. Throws an `InvalidRequestError` for content that is not text. */
export function readMessages(messages: readonly AnthropicMessageBody[]): ChatMessage[] {
  return messages.flatMap((message, index) => {
    const param = `messages[${index}].content`;
    const { role, content } = message;
    if (typeof content === 'string') return [{ role, content }];
    if (role === 'assistant') return [readAssistant(content, param)];
    if (role === 'system') return [{ role, content: joinTexts(content, param) }];
    return readUser(content, param);
  });
}

/** The text of blocks that may hold text only. */
export function joinTexts(blocks: readonly AnthropicTextBlockBody[], param: string): string {
  return blocks.map((block, index) => readText(block, `${param}[${index}]`)).join(BLOCK_SEPARATOR);
}

/** Results of tools become messages of their own, in their order among the texts. */
function readUser(blocks: readonly AnthropicBlockBody[], param: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let texts: string[] = [];
  const flush = (): void => {
    if (texts.length > 0) messages.push({ role: 'user', content: texts.join(BLOCK_SEPARATOR) });
    texts = [];
  };
  for (const [index, block] of blocks.entries()) {
    const place = `${param}[${index}]`;
    if (block.type === 'tool_result') {
      flush();
      messages.push({
        role: 'tool',
        content: readResult(block, place),
        toolCallId: required(block.tool_use_id, `${place}.tool_use_id`),
      });
    } else {
      texts.push(readText(block, place));
    }
  }
  flush();
  return messages.length > 0 ? messages : [{ role: 'user', content: '' }];
}

function readAssistant(blocks: readonly AnthropicBlockBody[], param: string): ChatMessage {
  const texts: string[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const [index, block] of blocks.entries()) {
    const place = `${param}[${index}]`;
    if (block.type === 'thinking') thoughts.push(required(block.thinking, `${place}.thinking`));
    else if (block.type === 'tool_use') toolCalls.push(readCall(block, place));
    // What only Anthropic can read says nothing to another model.
    else if (block.type !== 'redacted_thinking') texts.push(readText(block, place));
  }
  return {
    role: 'assistant',
    content: texts.join(BLOCK_SEPARATOR),
    ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join(BLOCK_SEPARATOR) }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}

const readCall = (block: AnthropicBlockBody, param: string): ToolCall => ({
  id: required(block.id, `${param}.id`),
  name: required(block.name, `${param}.name`),
  arguments: JSON.stringify(block.input ?? {}),
});

function readResult({ content, is_error: failed }: AnthropicBlockBody, param: string): string {
  const text = typeof content === 'string' ? content : joinTexts(content ?? [], `${param}.content`);
  return failed === true && !/^\s*error/i.test(text) ? `Error: ${text}` : text;
}

function readText(block: AnthropicTextBlockBody, param: string): string {
  if (block.type === 'text') return required(block.text, `${param}.text`);
  const document = block.type === 'document' ? textSource(block.source) : undefined;
  if (document !== undefined) return document;
  throw new InvalidRequestError(`'${param}' is of type ${JSON.stringify(block.type)}, but the models here read text only.`, {
    param: `${param}.type`,
    reason: 'unsupported_content',
    hint: 'Send blocks of type "text".',
  });
}

function textSource(source: unknown): string | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  const { type, data } = source as { readonly type?: unknown; readonly data?: unknown };
  return type === 'text' && typeof data === 'string' ? data : undefined;
}

function required(value: string | null | undefined, param: string): string {
  if (value !== null && value !== undefined) return value;
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
}
