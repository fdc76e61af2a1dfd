import type { ChatMessage, ChatRequest, Lane } from '@pippa/core';
import type { TextOperation } from './operation.ts';
import { render } from './render.ts';

/** What a request says about how the model writes; it goes before what the operation says. */
export interface TextSettings {
  readonly temperature?: number;
  readonly seed?: number;
  readonly maxTokens?: number;
  readonly lane: Lane;
}

/** The conversation that an operation makes of a text. */
export function operationRequest(
  operation: TextOperation,
  text: string,
  variables: Readonly<Record<string, string>>,
  settings: TextSettings,
): ChatRequest {
  const prompt = (content: string): string => render(operation.prompt, { ...variables, text: content });
  const messages: ChatMessage[] = [];
  if (operation.system !== undefined) messages.push({ role: 'system', content: render(operation.system, variables) });
  for (const example of operation.examples) {
    messages.push({ role: 'user', content: prompt(example.text) }, { role: 'assistant', content: example.result });
  }
  messages.push({ role: 'user', content: prompt(text) });
  const temperature = settings.temperature ?? operation.temperature;
  const maxTokens = settings.maxTokens ?? operation.max_tokens;
  return {
    messages,
    tools: [],
    toolChoice: 'none',
    responseFormat: { kind: 'text' },
    sampler: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(operation.top_p === undefined ? {} : { topP: operation.top_p }),
      ...(settings.seed === undefined ? {} : { seed: settings.seed }),
    },
    stop: operation.stop,
    lane: settings.lane,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    templateVariables: { enable_thinking: operation.thinking },
  };
}
