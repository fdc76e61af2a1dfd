/** Values that one label may take before the rest is counted together: every value is a set of time series that is kept for good. */
const MAX_VALUES = 128;
const REST = 'other';

/** Keeps a label's values bounded, whatever is put in. */
export class LabelGuard {
  readonly #seen = new Set<string>();

  value(text: string): string {
    if (this.#seen.has(text)) return text;
    if (this.#seen.size >= MAX_VALUES) return REST;
    this.#seen.add(text);
    return text;
  }
}
