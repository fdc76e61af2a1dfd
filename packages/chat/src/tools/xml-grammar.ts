import { UnsupportedSchemaError } from '../errors.ts';
import { joined, literal } from '../schema/gbnf.ts';
import type { Placed } from '../schema/schema-source.ts';
import { untilText } from '../schema/until-text.ts';
import { parameterList, type CallGrammarRequest } from './tool-call-format.ts';
import type { XmlFormatOptions } from './xml-format.ts';

/** Right-hand side that derives calls as `xmlFormat` reads them: required parameters always, the others in their order or not. */
export function xmlGrammar(options: XmlFormatOptions, { builder, schemas, tools, many, parameters }: CallGrammarRequest): string {
  const lineAfterName = options.nameEnd.endsWith('\n') ? '' : '\n';
  const valueEnd = literal(`${options.afterValue}${options.valueEnd}\n`);
  let anyText: string | undefined;
  const valueRule = (name: string, bare: BareText, placed: Placed, root: Placed): string => {
    if (bare === undefined) return joined(schemas.rule(name, placed, root), valueEnd);
    if (bare !== 'any') return joined(`(${bare.map(literal).join(' | ')})`, valueEnd);
    // The automaton takes the end of the value along.
    anyText ??= untilText(builder, options.afterValue + options.valueEnd);
    return joined(anyText, literal('\n'));
  };
  const calls = tools.map((tool) => {
    const root = parameters(tool);
    const written = parameterList(root).map(({ key, placed, required }) => {
      const bare = bareText(placed);
      const attribute = options.typeAttribute === true ? `" string="${bare !== undefined}` : '';
      const begin = literal(`${options.parameterOpen}${key}${attribute}${options.keyEnd}${options.beforeValue}`);
      const parameter = joined(begin, valueRule(`${tool.name}-${key}`, bare, placed, root));
      return required ? parameter : `(${parameter})?`;
    });
    const header = `${options.open}${options.functionOpen === '' ? '' : '\n'}${options.functionOpen}${tool.name}${options.nameEnd}${lineAfterName}`;
    const footer = `${options.functionEnd === '' ? '' : `${options.functionEnd}\n`}${options.close}`;
    return joined(literal(header), ...written, literal(footer));
  });
  const call = builder.add('call', calls.join(' | '));
  return many ? `${call} (${literal('\n')} ${call}){0,15}` : call;
}

/** The texts a bare value may be: any, some, or undefined where the value is JSON. */
type BareText = 'any' | readonly string[] | undefined;

/** Keywords that say nothing about a text. */
const ANNOTATIONS = new Set(['type', 'title', 'description', 'default', 'examples']);

function bareText({ schema, path }: Placed): BareText {
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
