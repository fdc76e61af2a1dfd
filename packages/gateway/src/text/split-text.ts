/** A part of a text, and what stood between it and the next. */
export interface TextPart {
  readonly text: string;
  readonly separator: string;
}

/** Borders in the order in which they are tried: paragraphs, lines, sentences, words. */
const BORDERS = [/\n\s*\n/g, /\n/g, /(?<=[.!?。！？])\s+/g, /\s+/g];

/**
 * Cuts a text into parts of at most `maxChars` characters, at paragraph borders where it can; a paragraph that is longer at lines,
 * sentences, words, and at last anywhere. Parts and separators put together again give the text.
 */
export function splitText(text: string, maxChars: number): TextPart[] {
  return pack(pieces(text, maxChars, 0), maxChars);
}

/** Pieces of at most `maxChars`, as many as there are borders. */
function pieces(text: string, maxChars: number, level: number): TextPart[] {
  if (text.length <= maxChars) return [{ text, separator: '' }];
  const border = BORDERS[level];
  if (border === undefined) return hardCuts(text, maxChars);
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(border)) {
    parts.push({ text: text.slice(from, match.index), separator: match[0] });
    from = match.index + match[0].length;
  }
  parts.push({ text: text.slice(from), separator: '' });
  return parts.flatMap((part) => {
    if (part.text.length <= maxChars) return [part];
    const inner = pieces(part.text, maxChars, level + 1);
    return inner.map((piece, index) => (index === inner.length - 1 ? { text: piece.text, separator: part.separator } : piece));
  });
}

/** A word longer than a part; a surrogate pair stays whole. */
function hardCuts(text: string, maxChars: number): TextPart[] {
  const parts: TextPart[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(text.length, from + Math.max(2, maxChars));
    if (to < text.length && /[\uD800-\uDBFF]/.test(text[to - 1] ?? '')) to -= 1;
    parts.push({ text: text.slice(from, to), separator: '' });
    from = to;
  }
  return parts;
}

/** Puts neighbours together for as long as they fit. */
function pack(parts: readonly TextPart[], maxChars: number): TextPart[] {
  const packed: TextPart[] = [];
  for (const part of parts) {
    const last = packed.at(-1);
    const together = last === undefined ? '' : last.text + last.separator + part.text;
    if (last !== undefined && together.length <= maxChars)
      packed[packed.length - 1] = { text: together, separator: part.separator };
    else packed.push(part);
  }
  return packed;
}
