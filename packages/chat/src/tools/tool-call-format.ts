import type { ToolDefinition } from '@pippa/core';
import type { Parsing } from '../answer/parsing.ts';
import type { TextCursor } from '../answer/text-cursor.ts';
import type { GrammarBuilder } from '../schema/grammar-builder.ts';
import type { SchemaRules } from '../schema/schema-rules.ts';
import { placedEntries, textListKeyword, type Placed, type SchemaObject } from '../schema/schema-source.ts';

/** What a parser needs to know of the tools that were offered. */
export interface OfferedTools {
  has(name: string): boolean;
  /** Whether a parameter's schema says text: formats that write bare values need to know. Undefined: the schema doesn't say. */
  isText(tool: string, parameter: string): boolean | undefined;
}

/** How calls are written where a grammar forces them. */
export interface CallGrammarRequest {
  readonly builder: GrammarBuilder;
  readonly schemas: SchemaRules;
  readonly tools: readonly ToolDefinition[];
  /** More than one call may follow. */
  readonly many: boolean;
  /** The schema of a tool's arguments, always one of an object. */
  parameters(tool: ToolDefinition): Placed & { readonly schema: SchemaObject };
  /** Name of a rule that derives the arguments of a tool as a JSON object. */
  argumentsRule(tool: ToolDefinition): string;
}

/** One way in which models write tool calls. */
export interface ToolCallFormat {
  readonly name: string;
  /** Texts with which calls begin. */
  readonly openers: readonly string[];
  /** An answer that begins with this is a call too, if it names an offered tool. */
  readonly bareOpener?: string;
  /** Texts that belong to the format besides its openers; those that are control tokens must reach the parser. */
  readonly markers: readonly string[];
  /** Call ids of other than the usual length. */
  readonly idLength?: number;
  /**
   * Reads calls after `opener` was taken. What turns out to be no call comes back as text, opener included: the cursor has been
   * recording since the opener.
   */
  parse(cursor: TextCursor, opener: string, tools: OfferedTools): Parsing;
  /** Right-hand side of a rule that derives one call (or several) as the model writes them. */
  grammar(request: CallGrammarRequest): string;
}

/** Gives back as text what was recorded: it was no call after all. */
export function* asText(cursor: TextCursor): Parsing {
  const { at, text } = cursor.recorded();
  if (text !== '') yield { kind: 'text', text, at };
}

/** The properties of a tool's parameters, with their places. */
export function parameterList(
  root: Placed & { readonly schema: SchemaObject },
): { readonly key: string; readonly placed: Placed; readonly required: boolean }[] {
  const required = new Set(textListKeyword(root.schema, 'required', root.path));
  return placedEntries(root.schema, 'properties', root.path).map(([key, placed]) => ({ key, placed, required: required.has(key) }));
}

export function offeredTools(tools: readonly ToolDefinition[]): OfferedTools {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  return {
    has: (name) => byName.has(name),
    isText(tool, parameter) {
      const properties = byName.get(tool)?.parameters?.['properties'];
      if (typeof properties !== 'object' || properties === null) return undefined;
      const schema = (properties as Record<string, unknown>)[parameter];
      if (typeof schema !== 'object' || schema === null) return undefined;
      const { type } = schema as { readonly type?: unknown };
      if (typeof type === 'string') return type === 'string';
      const values = (schema as { readonly enum?: unknown }).enum;
      return Array.isArray(values) && values.every((value) => typeof value === 'string') ? true : undefined;
    },
  };
}
