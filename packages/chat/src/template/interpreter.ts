import { MAX_RANGE_ITEMS, MAX_RENDERED_CHARACTERS, MAX_TEMPLATE_MS } from '../limits.ts';
import {
  arrayValue,
  BaseInterpreter,
  isArray,
  isInteger,
  isMapping,
  isNumber,
  isString,
  isUndefined,
  stringValue,
  toRuntimeValue,
  type RuntimeValue,
  type Scope,
  type SyntaxNode,
} from './jinja-engine.ts';
import { PrintNode } from './print-nodes.ts';
import { pythonFilter } from './python-filters.ts';
import { callParameters, pythonMethod } from './python-methods.ts';
import { percentFormat, pythonEquals, pythonText } from './python-text.ts';

/** The template took more work or made more text than a chat template needs. */
export class TemplateWorkError extends Error {}

interface NamedNode extends SyntaxNode {
  readonly value: string;
}
interface CallNode extends SyntaxNode {
  readonly callee: SyntaxNode;
  readonly args: readonly SyntaxNode[];
}
interface FilterNode extends SyntaxNode {
  readonly operand: SyntaxNode;
  readonly filter: NamedNode | CallNode;
}
interface MemberNode extends SyntaxNode {
  readonly object: SyntaxNode;
  readonly property: SyntaxNode;
  readonly computed: boolean;
}
interface BinaryNode extends SyntaxNode {
  readonly operator: { readonly value: string };
  readonly left: SyntaxNode;
  readonly right: SyntaxNode;
}
interface LoopNode extends SyntaxNode {
  readonly iterable: SyntaxNode & { readonly lhs?: SyntaxNode; readonly test?: SyntaxNode };
}
interface ObjectNode extends SyntaxNode {
  readonly value: ReadonlyMap<SyntaxNode, SyntaxNode>;
}
interface KeywordNode extends SyntaxNode {
  readonly key: NamedNode;
  readonly value: SyntaxNode;
}

/** A value that was evaluated already, in the place of the node it came from. */
class EvaluatedNode implements SyntaxNode {
  readonly type = 'Evaluated';
  readonly result: RuntimeValue;

  constructor(result: RuntimeValue) {
    this.result = result;
  }
}

/**
 * The Jinja library's interpreter with bounds on its work, and with what chat templates use of Python that the library lacks:
 * methods and filters (see `python-methods.ts`, `python-filters.ts`), Python's equality, undefined as an empty list in loops.
 */
export class TemplateInterpreter extends BaseInterpreter {
  readonly #nowMs: () => number;
  readonly #deadlineMs: number;
  readonly #maxSteps: number;
  #steps = 0;

  /** @param maxSteps how many nodes may be evaluated */
  constructor(scope: Scope, maxSteps: number, nowMs: () => number) {
    super(scope);
    this.#maxSteps = maxSteps;
    this.#nowMs = nowMs;
    this.#deadlineMs = nowMs() + MAX_TEMPLATE_MS;
  }

  override evaluate(node: SyntaxNode | undefined, scope: Scope): RuntimeValue {
    this.#steps += 1;
    if (this.#steps > this.#maxSteps || ((this.#steps & 0xfff) === 0 && this.#nowMs() > this.#deadlineMs)) {
      throw new TemplateWorkError('The chat template takes too much work on these messages.');
    }
    if (node === undefined) return super.evaluate(node, scope);
    const result = this.#evaluateSpecial(node, scope) ?? super.evaluate(node, scope);
    if (isString(result) && result.value.length > MAX_RENDERED_CHARACTERS) {
      throw new TemplateWorkError(`The chat template renders more than ${MAX_RENDERED_CHARACTERS} characters.`);
    }
    return result;
  }

  #evaluateSpecial(node: SyntaxNode, scope: Scope): RuntimeValue | undefined {
    if (node instanceof EvaluatedNode) return node.result;
    if (node instanceof PrintNode) return stringValue(pythonText(this.evaluate(node.expression, scope)));
    switch (node.type) {
      case 'FilterExpression':
        return this.#filter(node as FilterNode, scope);
      case 'CallExpression':
        return this.#call(node as CallNode, scope);
      case 'BinaryExpression':
        return this.#binary(node as BinaryNode, scope);
      case 'MemberExpression':
        return this.#member(node as MemberNode, scope);
      case 'For':
        return this.#loop(node as LoopNode, scope);
      case 'ObjectLiteral':
        return this.#object(node as ObjectNode, scope);
      default:
        return undefined;
    }
  }

  #filter(node: FilterNode, scope: Scope): RuntimeValue {
    const operand = this.evaluate(node.operand, scope);
    const { filter } = node;
    const call = 'callee' in filter ? filter : undefined;
    const name = (call === undefined ? (filter as NamedNode) : (call.callee as NamedNode)).value;
    const parameters =
      call === undefined ? { positional: [], named: new Map<string, RuntimeValue>() } : this.#parameters(call.args, scope);
    return (
      pythonFilter(name, operand, parameters) ??
      super.evaluate({ ...node, operand: new EvaluatedNode(operand) } as FilterNode, scope)
    );
  }

  #parameters(nodes: readonly SyntaxNode[], scope: Scope): { positional: RuntimeValue[]; named: Map<string, RuntimeValue> } {
    const positional: RuntimeValue[] = [];
    const named = new Map<string, RuntimeValue>();
    for (const node of nodes) {
      if (node.type === 'KeywordArgumentExpression') {
        const keyword = node as KeywordNode;
        named.set(keyword.key.value, this.evaluate(keyword.value, scope));
      } else if (node.type !== 'SpreadExpression' && node.type !== 'KeywordSpreadExpression') {
        positional.push(this.evaluate(node, scope));
      }
    }
    return { positional, named };
  }

  #call(node: CallNode, scope: Scope): RuntimeValue | undefined {
    if (node.callee.type !== 'MemberExpression') return undefined;
    const member = node.callee as MemberNode;
    if (member.computed) return undefined;
    const owner = this.evaluate(member.object, scope);
    const name = (member.property as NamedNode).value;
    const method = pythonMethod(owner, name);
    // A bare `strip()` is the library's; the one with characters is ours.
    if (method !== undefined) return method(this.#parameters(node.args, scope));
    return super.evaluate({ ...node, callee: { ...member, object: new EvaluatedNode(owner) } } as CallNode, scope);
  }

  #binary(node: BinaryNode, scope: Scope): RuntimeValue | undefined {
    const operator = node.operator.value;
    if (operator === 'and' || operator === 'or') return undefined;
    const left = this.evaluate(node.left, scope);
    const right = this.evaluate(node.right, scope);
    return (
      pythonOperation(operator, left, right) ??
      super.evaluate({ ...node, left: new EvaluatedNode(left), right: new EvaluatedNode(right) } as BinaryNode, scope)
    );
  }

  #member(node: MemberNode, scope: Scope): RuntimeValue | undefined {
    if (!node.computed || node.property.type === 'SliceExpression') return undefined;
    const object = this.evaluate(node.object, scope);
    const property = this.evaluate(node.property, scope);
    const evaluated = (key: RuntimeValue) =>
      super.evaluate({ ...node, object: new EvaluatedNode(object), property: new EvaluatedNode(key) } as MemberNode, scope);
    if (isMapping(object) && isInteger(property)) return evaluated(stringValue(String(property.value)));
    if (isUndefined(property)) return property;
    return evaluated(property);
  }

  #loop(node: LoopNode, scope: Scope): RuntimeValue {
    const { iterable } = node;
    const filtered = iterable.type === 'SelectExpression' && iterable.lhs !== undefined;
    const items = new EvaluatedNode(loopItems(this.evaluate(filtered ? iterable.lhs : iterable, scope)));
    return super.evaluate({ ...node, iterable: filtered ? { ...iterable, lhs: items } : items } as LoopNode, scope);
  }

  #object(node: ObjectNode, scope: Scope): RuntimeValue {
    const entries = new Map<SyntaxNode, SyntaxNode>();
    for (const [key, value] of node.value) {
      entries.set(new EvaluatedNode(stringValue(pythonText(this.evaluate(key, scope)))), value);
    }
    return super.evaluate({ ...node, value: entries } as ObjectNode, scope);
  }
}

function pythonOperation(operator: string, left: RuntimeValue, right: RuntimeValue): RuntimeValue | undefined {
  switch (operator) {
    case '==':
      return toRuntimeValue(pythonEquals(left, right));
    case '!=':
      return toRuntimeValue(!pythonEquals(left, right));
    case '~':
      return stringValue(pythonText(left) + pythonText(right));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isString(left) || isString(right) ? orderTexts(operator, left, right) : undefined;
    case 'in':
    case 'not in': {
      if (!isArray(right)) return undefined;
      const member = right.value.some((item) => pythonEquals(item, left));
      return toRuntimeValue(member === (operator === 'in'));
    }
    case '+':
      if ((isString(left) || isString(right)) && left.type !== right.type) {
        // As in Python: what the template meant to print was not what it got, and another shape of the variables may fit.
        throw new Error(`can only concatenate text to text, not ${left.type} and ${right.type}`);
      }
      return undefined;
    case '*':
      if (isString(left) && isInteger(right)) return stringValue(repeat(left.value, right.value));
      return undefined;
    case '%':
      if (isString(left))
        return stringValue(percentFormat(left.value, right.type === 'TupleValue' && isArray(right) ? right.value : [right]));
      return undefined;
    default:
      return undefined;
  }
}

function orderTexts(operator: '<' | '<=' | '>' | '>=', left: RuntimeValue, right: RuntimeValue): RuntimeValue {
  // Keys of a mapping are texts here even when the template wrote numbers, so a number compares with its own text.
  const numeric = isNumber(left) || isNumber(right);
  const [a, b] = numeric ? [Number(left.value), Number(right.value)] : [pythonText(left), pythonText(right)];
  if (operator === '<') return toRuntimeValue(a < b);
  if (operator === '<=') return toRuntimeValue(a <= b);
  return toRuntimeValue(operator === '>' ? a > b : a >= b);
}

function repeat(text: string, count: number): string {
  if (text.length * count > MAX_RENDERED_CHARACTERS) throw new TemplateWorkError('The chat template repeats a text too often.');
  return text.repeat(Math.max(0, count));
}

/** What Python's Jinja loops over: tuples unpack like lists, undefined is empty, a text gives its characters. */
function loopItems(value: RuntimeValue): RuntimeValue {
  if (isUndefined(value)) return arrayValue([]);
  if (isString(value)) return arrayValue(Array.from(value.value, stringValue));
  if (isArray(value))
    return arrayValue(value.value.map((item) => (item.type === 'TupleValue' && isArray(item) ? arrayValue(item.value) : item)));
  return value;
}

/** `range()` with a bound. */
export function boundedRange(values: readonly RuntimeValue[]): RuntimeValue {
  const numbers = callParameters(values).positional.map((value) => {
    if (!isNumber(value)) throw new Error('range() wants whole numbers');
    return value.value;
  });
  const [first = 0, second, step = 1] = numbers;
  const [from, to] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error('range() step must not be zero');
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (length > MAX_RANGE_ITEMS) throw new TemplateWorkError(`range() gives at most ${MAX_RANGE_ITEMS} numbers to a chat template.`);
  return arrayValue(Array.from({ length }, (_, index) => toRuntimeValue(from + index * step)));
}
