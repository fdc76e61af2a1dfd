import type { SyntaxNode } from './jinja-engine.ts';

/** `{{ expression }}`: prints as Python does (`True`, `None`, `['a']`), where the library prints JSON and nothing for none. */
export class PrintNode implements SyntaxNode {
  readonly type = 'Print';
  readonly expression: SyntaxNode;

  constructor(expression: SyntaxNode) {
    this.expression = expression;
  }
}

const STATEMENTS = new Set([
  'Program',
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
]);
/** Literal text of the template is a StringLiteral and prints as it is. */
const PLAIN = new Set(['StringLiteral']);

/** The same program with every printed expression wrapped; rewrites in place. */
export function printAsPython(node: SyntaxNode): SyntaxNode {
  const block = node as { body?: unknown; alternate?: unknown; defaultBlock?: unknown };
  for (const key of ['body', 'alternate', 'defaultBlock'] as const) {
    const children = block[key];
    if (Array.isArray(children)) block[key] = children.map((child: SyntaxNode) => printed(child));
  }
  return node;
}

function printed(node: SyntaxNode): SyntaxNode {
  if (STATEMENTS.has(node.type)) return printAsPython(node);
  return PLAIN.has(node.type) ? node : new PrintNode(node);
}
