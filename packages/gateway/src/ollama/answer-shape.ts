import type { OllamaToolCall } from './answer-parts.ts';

/** What a line of an answer, or the whole of it, says. */
export interface OllamaContent {
  readonly text: string;
  readonly thinking?: string;
  readonly calls?: readonly OllamaToolCall[];
}

/** Where `/api/chat` and `/api/generate` put it. */
export type OllamaShape = (content: OllamaContent) => object;

export const chatShape: OllamaShape = ({ text, thinking, calls }) => ({
  message: {
    role: 'assistant',
    content: text,
    ...(thinking === undefined ? {} : { thinking }),
    ...(calls === undefined ? {} : { tool_calls: calls }),
  },
});

/** Without tools there are no calls. */
export const generateShape: OllamaShape = ({ text, thinking }) => ({
  response: text,
  ...(thinking === undefined ? {} : { thinking }),
});
