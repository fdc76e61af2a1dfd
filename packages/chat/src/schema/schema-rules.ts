import type { GrammarBuilder } from './grammar-builder.ts';
import { SchemaConverter } from './schema-converter.ts';
import type { Placed } from './schema-source.ts';

/** The rules of several schemas in one grammar. */
export class SchemaRules {
  readonly builder: GrammarBuilder;
  readonly #converters = new Map<unknown, SchemaConverter>();

  constructor(builder: GrammarBuilder) {
    this.builder = builder;
  }

  /**
   * Name of the rule for JSON values that fit `placed`, a part of `root`, where references are looked up; paths begin with the
   * root's, and errors name them. Throws `UnsupportedSchemaError` for what cannot be constrained, `InvalidInputError` for what is no
   * schema or too large a one.
   */
  rule(name: string, placed: Placed, root: Placed = placed): string {
    let converter = this.#converters.get(root.schema);
    if (converter === undefined) {
      converter = new SchemaConverter(this.builder, root);
      this.#converters.set(root.schema, converter);
    }
    return converter.requiredRule(name, placed);
  }
}
