/** Text that may go out, and the stop string that ended it. */
export interface StopStep {
  readonly text: string;
  readonly stop?: string;
}

/**
 * Finds stop strings in text that comes in pieces. Holds back only what may still be the beginning of one: less than the longest.
 * The result does not depend on how the text is cut: of several stop strings the one that is complete first wins.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #held = '';

  /** Empty stop strings are ignored. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
    this.#longest = Math.max(0, ...this.#stops.map((stop) => stop.length));
  }

  /** Characters held back. */
  get heldLength(): number {
    return this.#held.length;
  }

  push(text: string): StopStep {
    const pending = this.#held + text;
    let match: { readonly from: number; readonly to: number; readonly stop: string } | undefined;
    for (const stop of this.#stops) {
      const from = pending.indexOf(stop);
      if (from < 0) continue;
      const to = from + stop.length;
      if (match === undefined || to < match.to || (to === match.to && from < match.from)) match = { from, to, stop };
    }
    if (match !== undefined) {
      this.#held = '';
      return { text: pending.slice(0, match.from), stop: match.stop };
    }
    const held = this.#heldSuffix(pending);
    this.#held = pending.slice(pending.length - held);
    return { text: pending.slice(0, pending.length - held) };
  }

  /** What was held back, when no more text comes. */
  end(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  #heldSuffix(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length -= 1) {
      const suffix = text.slice(text.length - length);
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(suffix))) return length;
    }
    return 0;
  }
}
