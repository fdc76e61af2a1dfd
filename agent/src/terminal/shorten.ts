/** The text itself, or its beginning with a mark that something is missing: `length` characters at most. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
