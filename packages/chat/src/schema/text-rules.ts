import { UnsupportedSchemaError } from '../errors.ts';
import type { Constraints } from './constraints.ts';
import { ANNOTATING_FORMATS, formatBody, SUPPORTED_FORMATS } from './format-bodies.ts';
import { patternBody, type TextBody } from './pattern-rules.ts';
import type { SchemaConverter } from './schema-converter.ts';

/** Body for a JSON text with its quotes; undefined when no length is left. */
export function textBody(converter: SchemaConverter, constraints: Constraints): string | undefined {
  const { minLength, maxLength, pattern } = constraints;
  const format =
    constraints.format !== undefined && !ANNOTATING_FORMATS.has(constraints.format.text) ? constraints.format : undefined;
  if (maxLength !== undefined && minLength > maxLength) return undefined;
  if (pattern !== undefined && format !== undefined) {
    throw new UnsupportedSchemaError('A pattern and a format cannot be constrained together', pattern.path);
  }
  const { builder, rules } = converter;
  if (pattern !== undefined) {
    return withinLengths(patternBody(builder, rules, pattern.text, pattern.path), constraints, pattern.path);
  }
  if (format !== undefined) {
    const body = formatBody(builder, format.text);
    if (body === undefined) {
      throw new UnsupportedSchemaError(
        `The format "${format.text}" cannot be constrained; these can: ${SUPPORTED_FORMATS.join(', ')}`,
        format.path,
      );
    }
    return withinLengths(body, constraints, format.path);
  }
  if (minLength === 0 && maxLength === undefined) return rules.text();
  return quoted(builder.repeat(rules.character(), minLength, maxLength));
}

function withinLengths(text: TextBody, { minLength, maxLength }: Constraints, path: readonly (string | number)[]): string {
  if (text.minLength < minLength || text.maxLength > (maxLength ?? Infinity)) {
    throw new UnsupportedSchemaError('A length beside a pattern or format that allows other lengths cannot be constrained', path);
  }
  return quoted(text.body);
}

const quoted = (body: string): string => `"\\"" (${body}) "\\""`;
