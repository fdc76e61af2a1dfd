import { GrammarError, type TokenId } from '@pippa/core';
import koffi from 'koffi';
import type { Engine, Pointer } from '../engine.ts';
import { UTF8_CLEAN, Utf8Tokens, type Utf8State } from './utf8-tokens.ts';

const TOKEN_DATA_BYTES = 12;
const TOKEN_DATA_ARRAY_BYTES = 32;
/** Longer pieces are rare. */
const PIECE_BYTES = 256;

/** A GBNF grammar at one place of its derivation; native state, disposed with the sequence. */
export class Grammar implements Disposable {
  readonly #engine: Engine;
  readonly #sampler: Pointer;
  readonly #scratch: GrammarScratch;
  /** Tokens that show nothing to readers while the grammar counts their text, but for those that the grammar itself speaks of. */
  readonly #unseen: ReadonlySet<TokenId>;
  #utf8: Utf8State = UTF8_CLEAN;

  /** Throws `GrammarError` when the text does not parse. */
  constructor(engine: Engine, vocabulary: Pointer, text: string, scratch: GrammarScratch) {
    const sampler = engine.grammar(vocabulary, text, 'root');
    if (!sampler) throw new GrammarError('The grammar does not parse: it must be GBNF with a rule named "root".');
    this.#engine = engine;
    this.#sampler = sampler;
    this.#scratch = scratch;
    this.#unseen = new Set([...scratch.unseen()].flatMap(([token, shown]) => (text.includes(shown) ? [] : [token])));
  }

  allows(token: TokenId): boolean {
    if (this.#unseen.has(token) || !this.#scratch.utf8.allows(this.#utf8, token)) return false;
    return this.#scratch.filterOne(this.#engine, this.#sampler, token);
  }

  /** Sets the logits of all tokens that cannot come next to -Infinity. */
  mask(logits: Float32Array): void {
    this.#scratch.filterAll(this.#engine, this.#sampler, logits);
    this.#scratch.utf8.mask(this.#utf8, logits);
    for (const token of this.#unseen) logits[token] = -Infinity;
  }

  accept(token: TokenId): void {
    this.#engine.samplerAccept(this.#sampler, token);
    this.#utf8 = this.#scratch.utf8.after(this.#utf8, token);
  }

  [Symbol.dispose](): void {
    this.#engine.samplerFree(this.#sampler);
  }
}

/** Pieces as grammars see them: control tokens by their text. */
function pieceReader(engine: Engine, vocabulary: Pointer): (token: TokenId) => Uint8Array {
  let buffer = new Uint8Array(PIECE_BYTES);
  return (token) => {
    let length = engine.piece(vocabulary, token, buffer, buffer.length, 0, true);
    if (length < 0) {
      buffer = new Uint8Array(-length);
      length = engine.piece(vocabulary, token, buffer, buffer.length, 0, true);
    }
    return buffer.subarray(0, length);
  };
}

/** Looks at the whole vocabulary. */
function readUnseen(engine: Engine, vocabulary: Pointer, vocabularySize: number): ReadonlyMap<TokenId, string> {
  const read = pieceReader(engine, vocabulary);
  const nothing = new Uint8Array(1);
  const unseen = new Map<TokenId, string>();
  for (let token = 0; token < vocabularySize; token += 1) {
    if (engine.isEnd(vocabulary, token) || engine.piece(vocabulary, token, nothing, nothing.length, 0, false) !== 0) continue;
    unseen.set(token, Buffer.from(read(token)).toString('utf8'));
  }
  return unseen;
}

/** Native memory for one `llama_token_data_array` over the vocabulary, shared by all grammars of a stage. */
export class GrammarScratch implements Disposable {
  readonly #data: Pointer;
  readonly #array: Pointer;
  readonly #tokens: Int32Array;
  readonly #logits: Float32Array;
  readonly #header: DataView;
  readonly utf8: Utf8Tokens;
  readonly #readUnseen: () => ReadonlyMap<TokenId, string>;
  #unseen: ReadonlyMap<TokenId, string> | undefined;

  constructor(engine: Engine, vocabulary: Pointer, vocabularySize: number) {
    this.utf8 = new Utf8Tokens(vocabularySize, pieceReader(engine, vocabulary));
    this.#readUnseen = () => readUnseen(engine, vocabulary, vocabularySize);
    this.#data = koffi.alloc('uint8', vocabularySize * TOKEN_DATA_BYTES) as Pointer;
    this.#array = koffi.alloc('uint8', TOKEN_DATA_ARRAY_BYTES) as Pointer;
    const data = koffi.view(this.#data, vocabularySize * TOKEN_DATA_BYTES);
    this.#tokens = new Int32Array(data);
    this.#logits = new Float32Array(data);
    this.#header = new DataView(koffi.view(this.#array, TOKEN_DATA_ARRAY_BYTES));
  }

  /** Control tokens that do not end a text, with what they are written as. */
  unseen(): ReadonlyMap<TokenId, string> {
    return (this.#unseen ??= this.#readUnseen());
  }

  filterOne(engine: Engine, sampler: Pointer, token: TokenId): boolean {
    this.#tokens[0] = token;
    this.#logits[1] = 1;
    this.#logits[2] = 0;
    this.#apply(engine, sampler, 1);
    return this.#logits[1] !== -Infinity;
  }

  filterAll(engine: Engine, sampler: Pointer, logits: Float32Array): void {
    for (let token = 0; token < logits.length; token += 1) {
      this.#tokens[token * 3] = token;
      this.#logits[token * 3 + 1] = logits[token] as number;
    }
    this.#apply(engine, sampler, logits.length);
    for (let index = 0; index < logits.length; index += 1) {
      if (this.#logits[index * 3 + 1] === -Infinity) logits[this.#tokens[index * 3] as number] = -Infinity;
    }
  }

  #apply(engine: Engine, sampler: Pointer, size: number): void {
    this.#header.setBigUint64(0, koffi.address(this.#data), true);
    this.#header.setBigUint64(8, BigInt(size), true);
    this.#header.setBigInt64(16, -1n, true);
    this.#header.setUint8(24, 0);
    engine.samplerApply(sampler, this.#array);
  }

  [Symbol.dispose](): void {
    koffi.free(this.#data);
    koffi.free(this.#array);
  }
}
