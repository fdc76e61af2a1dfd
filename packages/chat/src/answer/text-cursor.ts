/** Text up to the next marker; without one, up to where one may begin. */
export interface MarkerStep {
  readonly text: string;
  readonly marker?: string;
}

/** Reads text that comes in pieces: what is not taken stays, and a marker may come in pieces too. */
export class TextCursor {
  #pending = '';
  #position = 0;
  #ended = false;
  #recording: { at: number; text: string } | undefined;

  push(text: string): void {
    this.#pending += text;
  }

  /** No more text comes. */
  end(): void {
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Text that is not taken yet. */
  get pending(): string {
    return this.#pending;
  }

  /** Place of `pending` in all text, in characters. */
  get position(): number {
    return this.#position;
  }

  take(length: number): string {
    const text = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    this.#position += text.length;
    if (this.#recording !== undefined) this.#recording.text += text;
    return text;
  }

  /**
   * Takes the text before the earliest of `markers` (of those at one place the longest) and the marker itself. Without one: all text
   * but what may begin a marker, and that too once the text has ended.
   */
  next(markers: readonly string[]): MarkerStep {
    let at = -1;
    let marker: string | undefined;
    for (const candidate of markers) {
      const index = this.#pending.indexOf(candidate);
      if (index < 0) continue;
      if (marker === undefined || index < at || (index === at && candidate.length > marker.length)) {
        at = index;
        marker = candidate;
      }
    }
    if (marker === undefined) {
      const held = this.#ended ? 0 : partialLength(this.#pending, markers);
      return { text: this.take(this.#pending.length - held) };
    }
    const text = this.take(at);
    this.take(marker.length);
    return { text, marker };
  }

  /** Remembers what is taken from here on, and `taken`, which was taken just before. */
  record(taken = ''): void {
    this.#recording = { at: this.#position - taken.length, text: taken };
  }

  /** What was taken since `record`, and stops remembering. */
  recorded(): { readonly at: number; readonly text: string } {
    const recording = this.#recording ?? { at: this.#position, text: '' };
    this.#recording = undefined;
    return recording;
  }

  get recordedLength(): number {
    return this.#recording?.text.length ?? 0;
  }
}

/** Length of the longest end of `text` that begins one of `markers` without completing it. */
export function partialLength(text: string, markers: readonly string[]): number {
  const longest = Math.max(0, ...markers.map((marker) => marker.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length -= 1) {
    const suffix = text.slice(text.length - length);
    if (markers.some((marker) => marker.length > length && marker.startsWith(suffix))) return length;
  }
  return 0;
}
