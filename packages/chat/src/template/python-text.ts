import { isArray, isMapping, isNull, isString, type RuntimeValue } from './jinja-engine.ts';

/** Text of a value as Python's `str` gives it: templates were written and models trained against Python's Jinja. */
export function pythonText(value: RuntimeValue): string {
  return isString(value) ? value.value : pythonRepresentation(value);
}

function pythonRepresentation(value: RuntimeValue): string {
  if (isString(value)) return quote(value.value);
  if (isNull(value)) return 'None';
  if (value.type === 'UndefinedValue') return '';
  if (value.type === 'BooleanValue') return value.value === true ? 'True' : 'False';
  if (isArray(value)) {
    const items = value.value.map(pythonRepresentation);
    if (value.type === 'TupleValue') return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    return `[${items.join(', ')}]`;
  }
  if (isMapping(value)) {
    return `{${[...value.value].map(([key, item]) => `${quote(key)}: ${pythonRepresentation(item)}`).join(', ')}}`;
  }
  return value.toString();
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

/** Python's `==`: structural, and without JavaScript's conversions between kinds. */
export function pythonEquals(left: RuntimeValue, right: RuntimeValue): boolean {
  if (isArray(left) && isArray(right)) {
    return (
      left.value.length === right.value.length &&
      left.value.every((item, index) => pythonEquals(item, right.value[index] as RuntimeValue))
    );
  }
  if (isMapping(left) && isMapping(right)) {
    if (left.value.size !== right.value.size) return false;
    return [...left.value].every(([key, item]) => {
      const other = right.value.get(key);
      return other !== undefined && pythonEquals(item, other);
    });
  }
  if (isNumeric(left) && isNumeric(right)) return Number(left.value) === Number(right.value);
  return left.type === right.type && left.value === right.value;
}

function isNumeric(value: RuntimeValue): boolean {
  return value.type === 'IntegerValue' || value.type === 'FloatValue' || value.type === 'BooleanValue';
}

/** Python's `%` on a text: `%s`, `%d`, `%%`; anything else stays as it is. */
export function percentFormat(format: string, parameters: readonly RuntimeValue[]): string {
  let next = 0;
  return format.replaceAll(/%[sd%]/g, (directive) => {
    if (directive === '%%') return '%';
    const parameter = parameters[next];
    next += 1;
    if (parameter === undefined) throw new Error('not enough arguments for format string');
    return pythonText(parameter);
  });
}

/** Python's `str.format` with positions and names, without format specifications. */
export function braceFormat(format: string, parameters: readonly RuntimeValue[], named: ReadonlyMap<string, RuntimeValue>): string {
  let next = 0;
  return format.replaceAll(/\{\{|\}\}|\{(\w*)\}/g, (directive, name: string | undefined) => {
    if (directive === '{{') return '{';
    if (directive === '}}') return '}';
    const parameter = name === undefined || name === '' ? parameters[next++] : (named.get(name) ?? parameters[Number(name)]);
    if (parameter === undefined) throw new Error(`format: no argument for "${directive}"`);
    return pythonText(parameter);
  });
}
