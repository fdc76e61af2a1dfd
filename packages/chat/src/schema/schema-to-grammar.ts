import { GrammarBuilder } from './grammar-builder.ts';
import { JsonRules } from './json-rules.ts';
import { SchemaRules } from './schema-rules.ts';

/** GBNF text that derives JSON values of `schema` and nothing else. Throws as `SchemaRules.rule`. */
export function schemaToGrammar(schema: unknown): string {
  const builder = new GrammarBuilder();
  return builder.text(new SchemaRules(builder).rule('answer', { schema, path: [] }));
}

/** GBNF text that derives any JSON object. */
export function jsonObjectGrammar(): string {
  const builder = new GrammarBuilder();
  return builder.text(new JsonRules(builder).object());
}
