import { InvalidInputError } from '@pippa/core';
import { z } from '@hono/zod-openapi';
import { placeholdersOf } from './render.ts';

/** Bounds of one operation. */
const MAX_PROMPT_CHARS = 32 * 1024;
const MAX_EXAMPLES = 16;
const MAX_VARIABLES = 16;
const MAX_STOP = 8;
export const MAX_VALUE_CHARS = 4096;

/** Stands for the text in a prompt. */
export const TEXT = 'text';
/** What requests say beside variables; no variable can have these names. */
export const RESERVED: ReadonlySet<string> = new Set([TEXT, 'input', 'model', 'stream', 'seed', 'temperature', 'max_tokens']);

export const operationName = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/);
const variableName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/);
const text = z.string().max(MAX_PROMPT_CHARS);

/** What is done to a text: a prompt with places for the text and for variables. The content of one file. */
export const operationDefinition = z.strictObject({
  /** One sentence for people. */
  description: z.string().min(1).max(300),
  /** What the model is told first. */
  system: text.optional(),
  /** With `{{text}}` and the variables, as `{{to}}`. */
  prompt: text.min(1),
  variables: z
    .record(
      variableName,
      z.strictObject({ description: z.string().max(300).optional(), default: z.string().max(MAX_VALUE_CHARS).optional() }),
    )
    .default({}),
  /** Texts and what became of them, shown to the model before the text. */
  examples: z
    .array(z.strictObject({ text, result: text }))
    .max(MAX_EXAMPLES)
    .default([]),
  /** Name of the model; left out: the first one there is. */
  model: z.string().min(1).max(256).optional(),
  temperature: z.number().min(0).max(5).optional(),
  top_p: z.number().min(0).max(1).optional(),
  max_tokens: z.int().min(1).optional(),
  stop: z.array(z.string().min(1).max(1024)).max(MAX_STOP).default([]),
  /** Models that can think first do so; false when left out. */
  thinking: z.boolean().default(false),
  /**
   * A text that is too long for the model: `each` part of it is worked on by itself and the results are put together again;
   * `reduce`: the results are worked on once more, together. Left out: it is refused.
   */
  long: z.enum(['each', 'reduce']).optional(),
});

export type OperationDefinition = z.output<typeof operationDefinition>;

export interface TextOperation extends OperationDefinition {
  readonly name: string;
  /** Where it comes from: shipped with the agent, or a file of the user's. */
  readonly source: 'shipped' | 'file';
}

/** Checks what a file holds. Throws `InvalidInputError` that names the place. */
export function readOperation(name: string, source: TextOperation['source'], content: unknown): TextOperation {
  if (!operationName.safeParse(name).success) {
    throw new InvalidInputError(`"${name}" cannot be the name of an operation: lower-case letters, digits, - and _ make one.`);
  }
  const parsed = operationDefinition.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path.map(String).join('.') ?? '';
    throw new InvalidInputError(`${path === '' ? '' : `${path}: `}${issue?.message ?? 'wrong content'}`, { path });
  }
  const { variables, prompt, system = '' } = parsed.data;
  const names = Object.keys(variables);
  if (names.length > MAX_VARIABLES)
    throw new InvalidInputError(`variables: at most ${MAX_VARIABLES} are allowed`, { path: 'variables' });
  const reserved = names.find((variable) => RESERVED.has(variable));
  if (reserved !== undefined) {
    throw new InvalidInputError(`variables.${reserved}: a variable cannot have this name`, { path: `variables.${reserved}` });
  }
  const used = [...placeholdersOf(system), ...placeholdersOf(prompt)];
  const unknown = used.find((placeholder) => placeholder !== TEXT && !names.includes(placeholder));
  if (unknown !== undefined) {
    throw new InvalidInputError(`prompt: {{${unknown}}} is not among the variables`, { path: 'prompt' });
  }
  if (!placeholdersOf(prompt).includes(TEXT)) throw new InvalidInputError('prompt: it has no {{text}}', { path: 'prompt' });
  return { name, source, ...parsed.data };
}
