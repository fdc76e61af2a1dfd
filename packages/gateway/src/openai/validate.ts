import type { z } from '@hono/zod-openapi';
import { InvalidRequestError } from '../errors.ts';

type Issue = z.core.$ZodIssue;

const MAX_SHOWN_CHARS = 80;

/** Checks a body against its schema. Throws an `InvalidRequestError` for the first fault, worded and coded as OpenAI does. */
export function validateBody<Schema extends z.ZodType>(schema: Schema, body: Record<string, unknown>): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw result.error;
  throw toRequestError(issue, body, []);
}

/** `['messages', 0, 'content']` as `messages[0].content`. */
export function parameterName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name === '' ? String(key) : `${name}.${String(key)}`;
  }, '');
}

function toRequestError(issue: Issue, body: unknown, prefix: readonly PropertyKey[]): InvalidRequestError {
  const path = [...prefix, ...issue.path];
  const param = parameterName(path).slice(0, MAX_SHOWN_CHARS * 2);
  const value = valueAt(body, path);
  if (value === undefined) {
    return new InvalidRequestError(`Missing required parameter: '${param}'.`, { param, reason: 'missing_required_parameter' });
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionError(issue, body, path, param, value);
  const { message, reason } = explain(issue, param, value);
  return new InvalidRequestError(message, { param, reason });
}

/** The branch of a union that the value was meant for is the one that got furthest into it. */
function unionError(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  body: unknown,
  path: readonly PropertyKey[],
  param: string,
  value: unknown,
): InvalidRequestError {
  const first = issue.errors.map((issues) => issues[0]).filter((candidate) => candidate !== undefined);
  const meant = first.find((candidate) => candidate.path.length > 0 || candidate.code !== 'invalid_type');
  if (meant !== undefined) return toRequestError(meant, body, path);
  const expected = first.map((candidate) => (candidate.code === 'invalid_type' ? article(candidate.expected) : 'another type'));
  return new InvalidRequestError(
    `Invalid type for '${param}': expected ${expected.join(' or ')}, but got ${typeOf(value)} instead.`,
    {
      param,
      reason: 'invalid_type',
    },
  );
}

function explain(issue: Issue, param: string, value: unknown): { readonly message: string; readonly reason: string } {
  const invalid = (message: string): { readonly message: string; readonly reason: string } => ({
    message,
    reason: 'invalid_value',
  });
  if (issue.code === 'invalid_type') {
    const message = `Invalid type for '${param}': expected ${article(issue.expected)}, but got ${typeOf(value)} instead.`;
    return { message, reason: 'invalid_type' };
  }
  if (issue.code === 'too_big') return sizeFault(param, value, 'above_max', `at most ${issue.maximum}`);
  if (issue.code === 'too_small') {
    return sizeFault(param, value, 'below_min', `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`);
  }
  if (issue.code === 'invalid_value') {
    const supported = issue.values.map((one) => show(one)).join(', ');
    return invalid(`Invalid value for '${param}': ${show(value)}. Supported values are: ${supported}.`);
  }
  if (issue.code === 'invalid_format')
    return invalid(`Invalid value for '${param}': ${show(value)} does not have the expected form.`);
  if (issue.code === 'invalid_key') return invalid(`Invalid key in '${param}': ${issue.issues[0]?.message ?? issue.message}.`);
  const reason: unknown = issue.code === 'custom' ? issue.params?.['reason'] : undefined;
  return { message: `Invalid '${param}': ${issue.message}.`, reason: typeof reason === 'string' ? reason : 'invalid_value' };
}

function sizeFault(
  param: string,
  value: unknown,
  direction: 'above_max' | 'below_min',
  bound: string,
): { readonly message: string; readonly reason: string } {
  if (typeof value === 'string') {
    return {
      message: `Invalid '${param}': expected ${bound} characters, but got ${value.length}.`,
      reason: `string_${direction}_length`,
    };
  }
  if (Array.isArray(value)) {
    return {
      message: `Invalid '${param}': expected ${bound} items, but got ${value.length}.`,
      reason: `array_${direction}_length`,
    };
  }
  const kind = Number.isInteger(value) ? 'integer' : 'decimal';
  return { message: `Invalid '${param}': expected ${bound}, but got ${show(value)}.`, reason: `${kind}_${direction}_value` };
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return article(typeof value);
}

function article(type: string): string {
  switch (type) {
    case 'int':
      return 'an integer';
    case 'record':
    case 'object':
      return 'an object';
    case 'array':
      return 'an array';
    default:
      return `a ${type}`;
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}...` : text;
}
