/** Finds where a JSON value ends, without judging it: strings and nesting only. One value, fed in pieces. */
export class JsonValueScanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #scalar = false;

  /** Characters of `text` that belong to the value, and whether the value is complete with them. */
  scan(text: string): { readonly length: number; readonly done: boolean } {
    for (let index = 0; index < text.length; index += 1) {
      const character = text[index] as string;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === '\\') this.#escaped = true;
        else if (character === '"') {
          this.#inString = false;
          if (this.#depth === 0) return { length: index + 1, done: true };
        }
      } else if (this.#scalar) {
        if (/[\s,}\]]/.test(character)) return { length: index, done: true };
      } else if (character === '"') {
        this.#inString = true;
      } else if (character === '{' || character === '[') {
        this.#depth += 1;
      } else if (character === '}' || character === ']') {
        if (this.#depth === 0) return { length: index, done: true };
        this.#depth -= 1;
        if (this.#depth === 0) return { length: index + 1, done: true };
      } else if (this.#depth === 0 && !/\s/.test(character)) {
        this.#scalar = true;
      }
    }
    return { length: text.length, done: false };
  }
}
