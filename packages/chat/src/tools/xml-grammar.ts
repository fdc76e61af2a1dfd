import { UnsupportedSchemaError } from '../errors.ts';
import { literal } from '../schema/gbnf.ts';
import { untilText } from '../schema/until-text.ts';
import type { CallGrammarRequest } from './tool-call-format.ts';
import type { XmlFormatOptions } from './xml-format.ts';

/** Right-hand side that derives calls as `xmlFormat` reads them: required parameters always, the others in their order or not. */
export function xmlGrammar(options: XmlFormatOptions, { builder, schemas, tools, many }: CallGrammarRequest): string {
  const lineAfterName = options.nameEnd.endsWith('\n') ? '' : '\n';
  const calls = tools.map((tool) => {
    const schema = tool.parameters ?? {};
    const properties = (schema['properties'] ?? {}) as Readonly<Record<string, unknown>>;
    const required = new Set(Array.isArray(schema['required']) ? (schema['required'] as readonly unknown[]) : []);
    const parameters = Object.keys(properties).map((key) => {
      const path = ['properties', key];
      const bare = bareText(properties[key], path);
      const attribute = options.typeAttribute === true ? `" string="${bare !== undefined}` : '';
      const begin = literal(`${options.parameterOpen}${key}${attribute}${options.keyEnd}${options.beforeValue}`);
      const end = literal(`${options.afterValue}${options.valueEnd}\n`);
      // `untilText` takes the end of the value along.
      const value =
        bare === 'any'
          ? `${untilText(builder, options.afterValue + options.valueEnd)} ${literal('\n')}`
          : bare === undefined
            ? `${schemas.rule(`${tool.name}-${key}`, properties[key], schema, path)} ${end}`
            : `(${bare.map(literal).join(' | ')}) ${end}`;
      return required.has(key) ? `${begin} ${value}` : `(${begin} ${value})?`;
    });
    return [
      literal(
        `${options.open}${options.functionOpen === '' ? '' : '\n'}${options.functionOpen}${tool.name}${options.nameEnd}${lineAfterName}`,
      ),
      ...parameters,
      literal(`${options.functionEnd === '' ? '' : `${options.functionEnd}\n`}${options.close}`),
    ].join(' ');
  });
  const call = builder.add('call', calls.join(' | '));
  return many ? `${call} (${literal('\n')} ${call}){0,15}` : call;
}

/** Keywords that say nothing about the value. */
const ANNOTATIONS = new Set(['type', 'title', 'description', 'default', 'examples', 'enum', 'const']);

/** The texts a bare value may be: any, some, or undefined where the value is JSON. */
function bareText(schema: unknown, path: readonly string[]): 'any' | readonly string[] | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const {
    type,
    enum: choices,
    const: only,
  } = schema as { readonly type?: unknown; readonly enum?: unknown; readonly const?: unknown };
  const values = Array.isArray(choices) ? (choices as readonly unknown[]) : only === undefined ? undefined : [only];
  if (values !== undefined) {
    const texts = values.filter((value) => typeof value === 'string');
    return texts.length === values.length ? texts : undefined;
  }
  if (type !== 'string') return undefined;
  const constraint = Object.keys(schema).find((key) => !ANNOTATIONS.has(key));
  if (constraint !== undefined) {
    throw new UnsupportedSchemaError("This model writes texts bare, so their form cannot be constrained in a tool's parameters", [
      ...path,
      constraint,
    ]);
  }
  return 'any';
}
