import { UnsupportedSchemaError } from '../errors.ts';
import { characterRule, writtenCharacter } from './character-set.ts';
import { joined } from './gbnf.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import type { JsonRules } from './json-rules.ts';
import { MAX_COUNT, MAX_PATTERN_CHARACTERS } from './limits.ts';
import { parsePattern, type PatternNode } from './pattern-parser.ts';

/** A body for the inside of a JSON text, and how many characters the text has. */
export interface TextBody {
  readonly body: string;
  readonly minLength: number;
  readonly maxLength: number;
}

/** Texts that match `pattern`, a regular expression. Throws `UnsupportedSchemaError` where a grammar cannot say the same. */
export function patternBody(
  builder: GrammarBuilder,
  rules: JsonRules,
  pattern: string,
  path: readonly (string | number)[],
): TextBody {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw new UnsupportedSchemaError(`A pattern has at most ${MAX_PATTERN_CHARACTERS} characters`, path);
  }
  let node: PatternNode;
  try {
    node = parsePattern(pattern);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UnsupportedSchemaError(`The pattern ${pattern} has ${cause.message}, which cannot be constrained`, path, { cause });
  }
  const options = node.kind === 'choice' ? node.options : [node];
  const bodies = options.map((option) => {
    const items = option.kind === 'sequence' ? [...option.items] : [option];
    const fromStart = items[0]?.kind === 'start';
    if (fromStart) items.shift();
    const toEnd = items.at(-1)?.kind === 'end';
    if (toEnd) items.pop();
    const inside = sequenceBody(builder, items, pattern, path);
    const anything = `${rules.character()}*`;
    return {
      body: joined(fromStart ? '' : anything, inside.body, toEnd ? '' : anything),
      minLength: inside.minLength,
      maxLength: fromStart && toEnd ? inside.maxLength : Infinity,
    };
  });
  return choiceOf(bodies);
}

function bodyOf(builder: GrammarBuilder, node: PatternNode, pattern: string, path: readonly (string | number)[]): TextBody {
  switch (node.kind) {
    case 'set': {
      const body = writtenCharacter(node.set);
      if (body === undefined)
        throw new UnsupportedSchemaError(`The pattern ${pattern} wants a character that no JSON text writes`, path);
      return { body: body.includes('|') ? (characterRule(builder, node.set) as string) : body, minLength: 1, maxLength: 1 };
    }
    case 'sequence':
      return sequenceBody(builder, node.items, pattern, path);
    case 'choice': {
      const choice = choiceOf(node.options.map((option) => bodyOf(builder, option, pattern, path)));
      return { ...choice, body: `(${choice.body})` };
    }
    case 'repeat':
      return repeatBody(builder, node, pattern, path);
    case 'start':
    case 'end':
      throw new UnsupportedSchemaError(`The pattern ${pattern} has an anchor inside, which cannot be constrained`, path);
  }
}

function sequenceBody(
  builder: GrammarBuilder,
  nodes: readonly PatternNode[],
  pattern: string,
  path: readonly (string | number)[],
): TextBody {
  const items = nodes.map((node) => bodyOf(builder, node, pattern, path));
  return {
    body: joined(...items.map((item) => item.body)),
    minLength: items.reduce((sum, item) => sum + item.minLength, 0),
    maxLength: items.reduce((sum, item) => sum + item.maxLength, 0),
  };
}

function repeatBody(
  builder: GrammarBuilder,
  { item, min, max }: PatternNode & { readonly kind: 'repeat' },
  pattern: string,
  path: readonly (string | number)[],
): TextBody {
  if (Math.max(min, max ?? 0) > MAX_COUNT)
    throw new UnsupportedSchemaError(`The pattern ${pattern} repeats more than ${MAX_COUNT} times`, path);
  const inside = bodyOf(builder, item, pattern, path);
  // A named rule counts as one for the engine's bound on repetitions, whatever is inside.
  const body = inside.body === '""' ? '""' : builder.repeat(builder.add('part', inside.body), min, max);
  const longest = max === 0 || inside.maxLength === 0 ? 0 : inside.maxLength * (max ?? Infinity);
  return { body, minLength: inside.minLength * min, maxLength: longest };
}

function choiceOf(bodies: readonly TextBody[]): TextBody {
  return {
    body: bodies.map((option) => option.body).join(' | '),
    minLength: Math.min(...bodies.map((option) => option.minLength)),
    maxLength: Math.max(...bodies.map((option) => option.maxLength)),
  };
}
