/** Bytes of tokens to text: only whole characters come out; what can never become one is U+FFFD, as `TextDecoder` gives it. */
export class Utf8Stream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left when no more bytes come: U+FFFD for an unfinished character, else nothing. */
  end(): string {
    return this.#decoder.decode();
  }
}
