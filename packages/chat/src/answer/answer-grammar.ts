import type { ChatRequest, TokenId, ToolDefinition } from '@pippa/core';
import { freeText } from '../schema/free-text.ts';
import { characterClass, joined, literal } from '../schema/gbnf.ts';
import { GrammarBuilder } from '../schema/grammar-builder.ts';
import { JsonRules } from '../schema/json-rules.ts';
import { SchemaRules } from '../schema/schema-rules.ts';
import type { Placed, SchemaObject } from '../schema/schema-source.ts';
import { untilText } from '../schema/until-text.ts';
import type { CallGrammarRequest } from '../tools/tool-call-format.ts';
import type { AnswerFormat } from './answer-format.ts';
import { harmonyCalls, HARMONY_ANALYSIS, HARMONY_ANALYSIS_END, HARMONY_FINAL, HARMONY_NEXT } from './harmony-grammar.ts';

const ANY_TEXT = `${characterClass([[0, 0]], true)}*`;
/** Space, tab and line breaks. */
const SPACES: readonly (readonly [from: number, to: number])[] = [
  [0x20, 0x20],
  [0x09, 0x0a],
  [0x0d, 0x0d],
];

export interface AnswerGrammarOptions {
  readonly format: AnswerFormat;
  readonly responseFormat: ChatRequest['responseFormat'];
  /** Tools that may be called; empty: none. */
  readonly tools: readonly ToolDefinition[];
  /** The answer must be a call. */
  readonly callsOnly: boolean;
  readonly manyCalls: boolean;
  /** Where the prompt left the model: inside reasoning, after it, or before it. */
  readonly reasoning: 'inside' | 'before' | 'none';
  /** The single token of a marker, if it has one. */
  readonly markerToken: (marker: string) => TokenId | undefined;
}

/**
 * GBNF text for an answer that is to be JSON or a call, or whose calls are to be right, with the model's reasoning before it left free;
 * undefined when nothing is demanded. Throws `UnsupportedSchemaError` and `InvalidInputError` for schemas that cannot be constrained.
 */
export function answerGrammar(options: AnswerGrammarOptions): string | undefined {
  const { format, responseFormat, tools, callsOnly } = options;
  const free = responseFormat.kind === 'text' && !callsOnly;
  if (free && !tools.some((tool) => tool.strict === true)) return undefined;
  const builder = new GrammarBuilder();
  const schemas = new SchemaRules(builder);
  const alternatives: string[] = [];
  if (tools.length > 0) {
    const request = callRequest(builder, schemas, tools, { many: options.manyCalls, freely: free });
    const calls = format.harmony ? harmonyCalls(request) : format.calls?.grammar(request);
    if (calls !== undefined) alternatives.push(free ? textOrCalls(builder, format, calls) : calls);
  }
  if (!callsOnly && responseFormat.kind !== 'text') {
    const rule =
      responseFormat.kind === 'json'
        ? new JsonRules(builder).object()
        : schemas.rule('answer', { schema: responseFormat.schema, path: [] });
    alternatives.push(format.harmony ? joined(literal(HARMONY_FINAL), rule) : rule);
  }
  if (alternatives.length === 0) return undefined;
  const answer = builder.add('visible', alternatives.join(' | '));
  return builder.text(joined(reasoningBefore(builder, options), answer));
}

/** Any answer in which calls, should it come to them, are whole and right. */
function textOrCalls(builder: GrammarBuilder, { harmony, calls: format }: AnswerFormat, calls: string): string {
  if (harmony) return `${calls} | ${joined(literal(HARMONY_FINAL), ANY_TEXT)}`;
  const end = builder.add('end', `(${calls})?`);
  const text = freeText(builder, format?.openers ?? [], end);
  const bare = format?.bareOpener;
  if (bare === undefined) return text;
  // What begins like a call is one.
  const [first = ''] = bare;
  const other = characterClass([...SPACES, [first.codePointAt(0) as number, first.codePointAt(0) as number]], true);
  return `${calls} | ${characterClass(SPACES)}* (${other} ${text})?`;
}

function reasoningBefore(builder: GrammarBuilder, { format, reasoning, markerToken }: AnswerGrammarOptions): string {
  if (format.harmony) {
    return `(${joined(literal(HARMONY_ANALYSIS), through(builder, HARMONY_ANALYSIS_END, markerToken), literal(HARMONY_NEXT))})?`;
  }
  if (format.reasoning === undefined || reasoning === 'none') return '';
  const { open, close } = format.reasoning;
  const rest = joined(through(builder, close, markerToken), builder.add('gap', '[ \\t\\n]{0,4}'));
  return reasoning === 'inside' ? rest : `(${literal(open)} ${rest})?`;
}

/** Any text up to and with `marker`. */
function through(builder: GrammarBuilder, marker: string, markerToken: AnswerGrammarOptions['markerToken']): string {
  const token = markerToken(marker);
  // One token that is not the marker's is one step for the engine; letters are many.
  return token === undefined ? untilText(builder, marker) : `!<[${token}]>* <[${token}]>`;
}

function callRequest(
  builder: GrammarBuilder,
  schemas: SchemaRules,
  tools: readonly ToolDefinition[],
  { many, freely }: { readonly many: boolean; readonly freely: boolean },
): CallGrammarRequest {
  const roots = new Map(tools.map((tool) => [tool.name, parametersOf(tool)]));
  const parameters = (tool: ToolDefinition) => roots.get(tool.name) ?? parametersOf(tool);
  return {
    builder,
    schemas,
    tools,
    many,
    parameters,
    argumentsRule: (tool) =>
      freely && tool.strict !== true ? new JsonRules(builder).object() : schemas.rule(`${tool.name}-arguments`, parameters(tool)),
  };
}

/** Arguments are always an object, and one without declared parameters is empty. */
function parametersOf(tool: ToolDefinition): Placed & { readonly schema: SchemaObject } {
  const given = tool.parameters ?? {};
  const properties = given['properties'];
  const empty =
    properties === undefined || (typeof properties === 'object' && properties !== null && Object.keys(properties).length === 0);
  const bare =
    empty &&
    !['additionalProperties', 'patternProperties', '$ref', 'allOf', 'anyOf', 'oneOf'].some((key) => given[key] !== undefined);
  return {
    schema: { type: 'object', ...given, ...(bare && { additionalProperties: false }) },
    path: ['tools', tool.name, 'parameters'],
  };
}
