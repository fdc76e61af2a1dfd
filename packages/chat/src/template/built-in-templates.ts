import { hasSingleToken } from '../prompt/marker-tokens.ts';
import type { Tokenizer } from '@pippa/core';

/** The format of Qwen, Hermes and many others: for models without a template whose vocabulary has its tokens. */
export const CHATML_TEMPLATE = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;

/** For models that were never trained to chat: names before the turns, and the answer ends where the next user turn would begin. */
export const PLAIN_TEMPLATE = `{%- for message in messages -%}
{%- if message.role == 'system' -%}{{- message.content + '\\n\\n' -}}
{%- elif message.role == 'assistant' -%}{{- 'Assistant: ' + message.content + '\\n\\n' -}}
{%- else -%}{{- 'User: ' + message.content + '\\n\\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}`;

/** What ends an answer under `PLAIN_TEMPLATE`, besides the model's own end. */
export const PLAIN_TEMPLATE_STOPS: readonly string[] = ['\nUser:'];

/** The template for a model that has none of its own. */
export async function builtInTemplate(
  tokenizer: Tokenizer,
): Promise<{ readonly source: string; readonly stops: readonly string[] }> {
  const chatml = (await hasSingleToken(tokenizer, '<|im_start|>')) && (await hasSingleToken(tokenizer, '<|im_end|>'));
  return chatml ? { source: CHATML_TEMPLATE, stops: [] } : { source: PLAIN_TEMPLATE, stops: PLAIN_TEMPLATE_STOPS };
}
