import type { ChatMessage, ToolCall } from '@pippa/core';
import { InvalidRequestError } from '../errors.ts';
import { newItemId } from './ids.ts';
import type { ContentPartBody, InputItemBody } from './schemas.ts';
import type { StoredItem } from './store.ts';

const PART_SEPARATOR = '\n';
const TEXT_PARTS = new Set(['input_text', 'output_text', 'text', 'reasoning_text', 'summary_text']);
/** Marks what this agent put where others put what they encrypt. */
const OWN_CONTENT = 'pippa-1:';

export const encodeReasoning = (text: string): string => OWN_CONTENT + Buffer.from(text).toString('base64');

/** Items with the ids and the shape in which they are kept. */
export function storedItems(input: string | readonly InputItemBody[] | null | undefined): StoredItem[] {
  if (input === null || input === undefined) return [];
  const items: readonly InputItemBody[] = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  return items.map((item) => {
    const type = item.type ?? 'message';
    const given = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null && value !== undefined));
    const partType = item.role === 'assistant' ? 'output_text' : 'input_text';
    const content = typeof item.content === 'string' ? [{ type: partType, text: item.content }] : item.content;
    const stored = { ...given, ...(content === null || content === undefined ? {} : { content }) };
    return { ...stored, id: item.id ?? newItemId(type), type };
  });
}

/**
 * Items as messages: reasoning, text and calls that follow each other are one message of the assistant.
 * @param param name of the list, for errors
 */
export function itemMessages(items: readonly InputItemBody[], param: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let answer: AssistantParts | undefined;
  const flush = (): void => {
    if (answer !== undefined) messages.push(assistantMessage(answer));
    answer = undefined;
  };
  for (const [index, item] of items.entries()) {
    const place = `${param}[${index}]`;
    const type = item.type ?? 'message';
    if (type === 'reasoning' || type === 'function_call' || (type === 'message' && item.role === 'assistant')) {
      answer ??= { texts: [], thoughts: [], calls: [] };
      addToAnswer(answer, type, item, place);
    } else {
      flush();
      messages.push(otherMessage(type, item, place));
    }
  }
  flush();
  return messages;
}

interface AssistantParts {
  readonly texts: string[];
  readonly thoughts: string[];
  readonly calls: ToolCall[];
}

function addToAnswer(answer: AssistantParts, type: string, item: InputItemBody, place: string): void {
  if (type === 'reasoning') {
    const thought = readReasoning(item, place);
    if (thought !== '') answer.thoughts.push(thought);
  } else if (type === 'function_call') {
    answer.calls.push({
      id: required(item.call_id, `${place}.call_id`),
      name: required(item.name, `${place}.name`),
      arguments: required(item.arguments, `${place}.arguments`),
    });
  } else {
    answer.texts.push(readContent(required(item.content, `${place}.content`), `${place}.content`));
  }
}

function otherMessage(type: string, item: InputItemBody, place: string): ChatMessage {
  if (type === 'function_call_output') {
    const output = readContent(required(item.output, `${place}.output`), `${place}.output`);
    return { role: 'tool', content: output, toolCallId: required(item.call_id, `${place}.call_id`) };
  }
  const role = item.role ?? undefined;
  if (type === 'message' && role !== undefined && role !== 'assistant') {
    return { role, content: readContent(required(item.content, `${place}.content`), `${place}.content`) };
  }
  if (type === 'message') required(undefined, `${place}.role`);
  throw new InvalidRequestError(`Items of type ${JSON.stringify(type)} are not read here.`, {
    param: `${place}.type`,
    reason: 'unsupported_content',
    hint: 'Send messages, function calls, their outputs and reasoning.',
  });
}

const assistantMessage = ({ texts, thoughts, calls }: AssistantParts): ChatMessage => ({
  role: 'assistant',
  content: texts.join(PART_SEPARATOR),
  ...(thoughts.length === 0 ? {} : { reasoning: thoughts.join(PART_SEPARATOR) }),
  ...(calls.length === 0 ? {} : { toolCalls: calls }),
});

/** The text itself, or what stands for it with clients that keep only the encrypted form; of other servers' that says nothing here. */
function readReasoning({ content, summary, encrypted_content: encrypted }: InputItemBody, place: string): string {
  if (content !== null && content !== undefined) return readContent(content, `${place}.content`);
  if (encrypted?.startsWith(OWN_CONTENT) === true) return Buffer.from(encrypted.slice(OWN_CONTENT.length), 'base64').toString();
  return readContent(summary ?? [], `${place}.summary`);
}

function readContent(content: string | readonly ContentPartBody[], place: string): string {
  if (typeof content === 'string') return content;
  return content.map((part, index) => readPart(part, `${place}[${index}]`)).join(PART_SEPARATOR);
}

function readPart(part: ContentPartBody, place: string): string {
  if (TEXT_PARTS.has(part.type)) return required(part.text, `${place}.text`);
  if (part.type === 'refusal') return required(part.refusal, `${place}.refusal`);
  throw new InvalidRequestError(`'${place}' is of type ${JSON.stringify(part.type)}, but the models here read text only.`, {
    param: `${place}.type`,
    reason: 'unsupported_content',
    hint: 'Send parts of type "input_text".',
  });
}

function required<Value>(value: Value | null | undefined, param: string): Value {
  if (value !== null && value !== undefined) return value;
  throw new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
}
