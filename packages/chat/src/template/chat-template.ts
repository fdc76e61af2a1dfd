import { TemplateError, type ChatMessage, type Clock, type ToolDefinition } from '@pippa/core';
import { CompiledTemplate } from './compiled-template.ts';
import { TemplateWorkError } from './interpreter.ts';
import {
  answerResults,
  hasCalls,
  isSystem,
  mergeNeighbours,
  placeSystemMessages,
  separateCalls,
  type SystemPlacement,
} from './message-shaping.ts';
import { messageVariables, toolVariables, type VariableStyle } from './message-variables.ts';
import { withPromptedTools } from './prompted-tools.ts';
import { detectFeatures, type TemplateFeatures } from './template-features.ts';

export interface ChatTemplateOptions {
  readonly source: string;
  /** Texts of the begin and end tokens; empty where the model has none. */
  readonly beginText: string;
  readonly endText: string;
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs'>;
}

export interface RenderRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly variables: Readonly<Record<string, unknown>>;
  /** Applied to every text that comes from the request before the template sees it. */
  readonly protect: (text: string, place: { readonly role: string | undefined }) => string;
}

/** Names that a request cannot set through its template variables. */
const RESERVED = new Set([
  'messages',
  'tools',
  'add_generation_prompt',
  'bos_token',
  'eos_token',
  'raise_exception',
  'strftime_now',
  'range',
  'dict',
  'namespace',
]);

interface Attempt {
  readonly systems: SystemPlacement;
  /** Makes user and assistant alternate. */
  readonly merge: boolean;
  readonly style: VariableStyle;
}

/**
 * A model's chat template. Messages are handed over as they are first; only when the template refuses them they are reshaped:
 * other forms of tool calls, system messages moved, neighbours of one role joined.
 */
export class ChatTemplate {
  readonly source: string;
  readonly #template: CompiledTemplate;
  readonly #globals: Readonly<Record<string, unknown>>;
  #features: TemplateFeatures | TemplateError | undefined;

  /** Throws `TemplateError` when the source is no template. */
  constructor({ source, beginText, endText, clock }: ChatTemplateOptions) {
    this.source = source;
    this.#template = new CompiledTemplate(source, clock);
    this.#globals = { bos_token: beginText, eos_token: endText };
  }

  /** Throws `TemplateError`, each time the same, when the template cannot be worked with at all. */
  get features(): TemplateFeatures {
    this.#features ??= this.#detect();
    if (this.#features instanceof TemplateError) throw this.#features;
    return this.#features;
  }

  #detect(): TemplateFeatures | TemplateError {
    try {
      return detectFeatures(this.#template, this.#globals);
    } catch (error) {
      if (error instanceof TemplateError) return error;
      throw error;
    }
  }

  /** The prompt's text up to where the answer begins. Throws `TemplateError` with the template's own message. */
  render(request: RenderRequest): string {
    const { features } = this;
    // What the model is told about tools and how earlier calls are written must be of one kind.
    const native = request.tools.length > 0 ? features.tools : features.calls;
    const messages = native ? request.messages : withPromptedTools(request.messages, request.tools);
    const tools = native ? request.tools : [];
    let firstError: TemplateError | undefined;
    for (const attempt of attempts(features, messages)) {
      try {
        return this.#template.render(this.#variables(request, messages, tools, attempt));
      } catch (error) {
        if (!(error instanceof TemplateError) || error.cause instanceof TemplateWorkError) throw error;
        firstError ??= error;
      }
    }
    throw firstError ?? new TemplateError("The model's chat template gave no text.");
  }

  #variables(
    { variables, protect }: RenderRequest,
    messages: readonly ChatMessage[],
    tools: readonly ToolDefinition[],
    { systems, merge, style }: Attempt,
  ): Record<string, unknown> {
    const { features } = this;
    const placed = placeSystemMessages(features.manyCalls || !features.calls ? messages : separateCalls(messages), systems);
    const shaped = merge ? mergeNeighbours(answerResults(placed)) : placed;
    const extra = Object.entries(variables).filter(([name]) => !RESERVED.has(name));
    return {
      ...protectTexts(Object.fromEntries(extra), (text) => protect(text, { role: undefined })),
      ...this.#globals,
      messages: messageVariables(shaped, style).map((message) =>
        protectTexts(message, (text) => protect(text, { role: String(message['role']) })),
      ),
      ...(tools.length > 0 && {
        tools: toolVariables(tools).map((tool) => protectTexts(tool, (text) => protect(text, { role: undefined }))),
      }),
      add_generation_prompt: true,
    };
  }
}

/** Where system messages are shown at all; text that a template would drop without a word is moved from the start. */
function placement({ system, lateSystem }: TemplateFeatures): SystemPlacement {
  if (!system) return 'fold';
  return lateSystem ? 'keep' : 'first';
}

/** The shapes to try, the plainest first. */
function* attempts(features: TemplateFeatures, messages: readonly ChatMessage[]): Generator<Attempt> {
  const style: VariableStyle = {
    argumentsAsText: features.argumentsAsText,
    typedContent: features.typedContent,
    shortCallIds: false,
    withReasoning: true,
    developerRole: features.developer,
  };
  const base: Attempt = { systems: placement(features), merge: false, style };
  yield base;
  const calls = messages.some(hasCalls);
  if (calls) {
    yield { ...base, style: { ...style, argumentsAsText: !style.argumentsAsText } };
    yield { ...base, style: { ...style, shortCallIds: true } };
  }
  if (messages.some((message) => message.role === 'assistant' && message.reasoning !== undefined)) {
    yield { ...base, style: { ...style, withReasoning: false } };
  }
  if (messages.some(isSystem)) {
    if (features.system) yield { ...base, systems: 'first' };
    yield { ...base, systems: 'fold' };
  }
  const safe = { ...style, shortCallIds: calls, withReasoning: false };
  yield { ...base, merge: true };
  yield { ...base, merge: true, style: safe };
  yield { systems: features.system ? 'first' : 'fold', merge: true, style: safe };
  yield { systems: 'fold', merge: true, style: safe };
}

/** Keys whose values this package writes itself. */
const OWN_KEYS = new Set(['role', 'type']);

/** Every text inside, keys too, put through `protect`. */
function protectTexts(value: Readonly<Record<string, unknown>>, protect: (text: string) => string): Record<string, unknown> {
  const inside = (item: unknown, ownKey: boolean): unknown => {
    if (typeof item === 'string') return ownKey ? item : protect(item);
    if (Array.isArray(item)) return item.map((element) => inside(element, false));
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, element]) => [protect(key), inside(element, false)]));
  };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inside(item, OWN_KEYS.has(key))]));
}
