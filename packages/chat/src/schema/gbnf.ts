/** Pieces of GBNF text, the engine's grammar notation. */

/** A literal. */
export function literal(text: string): string {
  return `"${text.replaceAll(/["\\]|[\0-\x1f\x7f]/g, escapeCharacter)}"`;
}

/** The parts of a sequence that say something: an empty literal derives nothing. */
export function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '' && part !== '""').join(' ') || '""';
}

/** One character inside a class. */
export function classCharacter(codePoint: number): string {
  const character = String.fromCodePoint(codePoint);
  if (character === '^') return '\\x5E';
  if (/["\\[\]-]/.test(character)) return `\\${character}`;
  if (codePoint < 0x20 || codePoint === 0x7f) return escapeCharacter(character);
  if (codePoint < 0x7f) return character;
  return codePoint <= 0xffff ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

/** A class of the inclusive ranges. */
export function characterClass(ranges: readonly (readonly [from: number, to: number])[], negated = false): string {
  const parts = ranges.map(([from, to]) => (from === to ? classCharacter(from) : `${classCharacter(from)}-${classCharacter(to)}`));
  return `[${negated ? '^' : ''}${parts.join('')}]`;
}

/** A digit from `from` to `to`. */
export function digit(from: number, to: number): string {
  return from === to ? literal(String(from)) : `[${from}-${to}]`;
}

/** Rule names are letters, digits and dashes. */
export function ruleName(name: string): string {
  return (
    name
      .replaceAll(/[^a-zA-Z0-9]+/g, '-')
      .slice(0, 60)
      .replaceAll(/^-+|-+$/g, '') || 'rule'
  );
}

function escapeCharacter(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    case '"':
    case '\\':
      return `\\${character}`;
    default:
      return `\\x${hex(character.charCodeAt(0), 2)}`;
  }
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}
