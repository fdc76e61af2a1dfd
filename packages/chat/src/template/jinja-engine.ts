import * as jinja from '@huggingface/jinja';

/**
 * The typed face of `@huggingface/jinja`: its own declarations use imports that Node's resolution cannot follow, and its value
 * classes are not exported, so they are taken from values that the library makes.
 */
export interface RuntimeValue {
  /** `StringValue`, `ArrayValue`, `UndefinedValue` ... */
  readonly type: string;
  readonly value: unknown;
  __bool__(): { readonly value: boolean };
  toString(): string;
}

export type TemplateFunction = (parameters: RuntimeValue[], scope: Scope) => RuntimeValue;

/** Variables of a block, with those around it. */
export interface Scope {
  set(name: string, value: unknown): RuntimeValue;
  setVariable(name: string, value: RuntimeValue): RuntimeValue;
  lookupVariable(name: string): RuntimeValue;
}

/** A node of a parsed template. */
export interface SyntaxNode {
  readonly type: string;
}

interface InterpreterFace {
  run(program: SyntaxNode): RuntimeValue;
  evaluate(node: SyntaxNode | undefined, scope: Scope): RuntimeValue;
}

export const NewScope = jinja.Environment as unknown as new (parent?: Scope) => Scope;
export const BaseInterpreter = jinja.Interpreter as unknown as new (scope: Scope) => InterpreterFace;

/** Throws a SyntaxError when the text is no template. */
export function parseTemplate(source: string): SyntaxNode {
  const tokens: unknown = jinja.tokenize(source, { lstrip_blocks: true, trim_blocks: true });
  return (jinja.parse as (tokens: unknown) => SyntaxNode)(tokens);
}

/** Any JSON-like value or function as the template sees it. */
export function toRuntimeValue(value: unknown): RuntimeValue {
  return new NewScope().set('value', value);
}

const ArrayValue = toRuntimeValue([]).constructor as new (items: readonly RuntimeValue[]) => RuntimeValue;
const ObjectValue = toRuntimeValue({}).constructor as new (entries: ReadonlyMap<string, RuntimeValue>) => RuntimeValue;
const FunctionValue = toRuntimeValue(() => null).constructor as new (call: TemplateFunction) => RuntimeValue;

export const UNDEFINED_VALUE = toRuntimeValue(undefined);
export const NULL_VALUE = toRuntimeValue(null);

export const arrayValue = (items: readonly RuntimeValue[]): RuntimeValue => new ArrayValue(items);
export const objectValue = (entries: ReadonlyMap<string, RuntimeValue>): RuntimeValue => new ObjectValue(new Map(entries));
export const functionValue = (call: TemplateFunction): RuntimeValue => new FunctionValue(call);
export const stringValue = (text: string): RuntimeValue => toRuntimeValue(text);

export const isString = (value: RuntimeValue): value is RuntimeValue & { readonly value: string } => value.type === 'StringValue';
export const isUndefined = (value: RuntimeValue): boolean => value.type === 'UndefinedValue';
export const isNull = (value: RuntimeValue): boolean => value.type === 'NullValue';
export const isInteger = (value: RuntimeValue): value is RuntimeValue & { readonly value: number } => value.type === 'IntegerValue';
export const isNumber = (value: RuntimeValue): value is RuntimeValue & { readonly value: number } =>
  value.type === 'IntegerValue' || value.type === 'FloatValue';
export const isArray = (value: RuntimeValue): value is RuntimeValue & { readonly value: RuntimeValue[] } =>
  value.type === 'ArrayValue' || value.type === 'TupleValue';
export const isMapping = (value: RuntimeValue): value is RuntimeValue & { readonly value: Map<string, RuntimeValue> } =>
  value.type === 'ObjectValue' || value.type === 'KeywordArgumentsValue';
