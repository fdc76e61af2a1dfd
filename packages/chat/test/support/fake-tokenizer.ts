import type { TokenId, Tokenizer } from '@pippa/core';

const FIRST_SPECIAL = 256;

/** Bytes are tokens 0 to 255, control tokens follow, then pieces made up on the way (as a model's merged tokens would be). */
export class FakeTokenizer implements Tokenizer {
  readonly beginOfSequence: TokenId | undefined;
  readonly endOfSequence: TokenId | undefined;
  readonly addBeginOfSequence: boolean;
  readonly #pieces: Uint8Array[];
  readonly #controls: readonly string[];

  constructor(
    controls: readonly string[],
    options: { readonly begin?: string; readonly end?: string; readonly addBegin?: boolean } = {},
  ) {
    this.#controls = controls;
    this.#pieces = [
      ...Array.from({ length: FIRST_SPECIAL }, (_, byte) => Uint8Array.of(byte)),
      ...controls.map((text) => new TextEncoder().encode(text)),
    ];
    this.beginOfSequence = options.begin === undefined ? undefined : this.control(options.begin);
    this.endOfSequence = options.end === undefined ? undefined : this.control(options.end);
    this.addBeginOfSequence = options.addBegin ?? false;
  }

  get vocabularySize(): number {
    return this.#pieces.length;
  }

  control(text: string): TokenId {
    const index = this.#controls.indexOf(text);
    if (index < 0) throw new Error(`no control token ${text}`);
    return FIRST_SPECIAL + index;
  }

  /** A token with these bytes. */
  merged(bytes: Uint8Array): TokenId {
    this.#pieces.push(bytes);
    return this.#pieces.length - 1;
  }

  tokenize(
    text: string,
    { addSpecial, parseSpecial }: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): Promise<Int32Array> {
    const tokens: number[] = [];
    if (addSpecial && this.addBeginOfSequence && this.beginOfSequence !== undefined) tokens.push(this.beginOfSequence);
    const parts =
      parseSpecial && this.#controls.length > 0 ? text.split(new RegExp(`(${this.#controls.map(escape).join('|')})`)) : [text];
    for (const part of parts) {
      if (parseSpecial && this.#controls.includes(part)) tokens.push(this.control(part));
      else tokens.push(...new TextEncoder().encode(part));
    }
    return Promise.resolve(Int32Array.from(tokens));
  }

  piece(token: TokenId, special = false): Uint8Array {
    return this.isControl(token) && !special ? new Uint8Array() : (this.#pieces[token] ?? new Uint8Array());
  }

  isControl(token: TokenId): boolean {
    return token >= FIRST_SPECIAL && token < FIRST_SPECIAL + this.#controls.length;
  }

  isEndOfGeneration(token: TokenId): boolean {
    return token === this.endOfSequence;
  }

  /** The tokens as a person reads them: control tokens between guillemets. */
  show(tokens: Iterable<number>): string {
    const bytes = [...tokens].map((token) =>
      this.isControl(token)
        ? new TextEncoder().encode(`«${new TextDecoder().decode(this.piece(token, true))}»`)
        : this.piece(token),
    );
    return new TextDecoder().decode(Buffer.concat(bytes));
  }
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
