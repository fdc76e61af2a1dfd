import type { GrammarBuilder } from './grammar-builder.ts';
import { SchemaConverter } from './schema-converter.ts';
import type { Path } from './schema-source.ts';

/** The rules of several schemas in one grammar. */
export class SchemaRules {
  readonly builder: GrammarBuilder;
  readonly #converters = new Map<unknown, SchemaConverter>();

  constructor(builder: GrammarBuilder) {
    this.builder = builder;
  }

  /**
   * Name of the rule for JSON values that fit `schema`, which stands at `path` in `root` (references are looked up there). Throws
   * `UnsupportedSchemaError` for what cannot be constrained, `InvalidInputError` for what is no schema or too large a one.
   */
  rule(name: string, schema: unknown, root: unknown = schema, path: Path = []): string {
    let converter = this.#converters.get(root);
    if (converter === undefined) {
      converter = new SchemaConverter(this.builder, { schema: root, path: [] });
      this.#converters.set(root, converter);
    }
    return converter.requiredRule(name, { schema, path });
  }
}
