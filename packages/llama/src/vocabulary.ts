import { openEngine, type Engine, type Pointer } from './engine.ts';
import { ModelLoadError } from './errors.ts';
import { tokenizeText } from './tokenize-text.ts';

/** What a tokenizer knows of every token, as flat arrays that cross threads without a copy. */
export interface VocabularyTable {
  readonly size: number;
  /** All pieces one after the other; token t's bytes are `[offsets[t], offsets[t + 1])`. Control tokens have none here. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** The same with the text of control tokens. */
  readonly specialBytes: Uint8Array<ArrayBuffer>;
  readonly specialOffsets: Uint32Array<ArrayBuffer>;
  /** Bit 0: control token. Bit 1: ends a generation. */
  readonly flags: Uint8Array<ArrayBuffer>;
  /** -1: none. */
  readonly beginOfSequence: number;
  readonly endOfSequence: number;
  readonly addBeginOfSequence: boolean;
}

/** The vocabulary of a model without its weights, in the calling thread. */
export class Vocabulary implements Disposable {
  readonly #engine: Engine;
  readonly #model: Pointer;
  readonly #vocabulary: Pointer;

  /** `path`: a GGUF file, the first of a split model. Throws `ModelLoadError`. */
  constructor(path: string) {
    this.#engine = openEngine();
    const model = this.#engine.loadModel(path, { ...this.#engine.modelDefaults(), vocab_only: true, n_gpu_layers: 0 });
    if (!model)
      throw new ModelLoadError(`llama.cpp could not read the vocabulary of ${path}.`, {
        hint: 'Check the file with its digest or download it again; with a newer tokenizer, update pippa-agent.',
      });
    this.#model = model;
    this.#vocabulary = this.#engine.vocabulary(model);
  }

  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): Int32Array<ArrayBuffer> {
    return tokenizeText(this.#engine, this.#vocabulary, text, { addSpecial, parseSpecial });
  }

  table(): VocabularyTable {
    const engine = this.#engine;
    const vocabulary = this.#vocabulary;
    const size = engine.vocabularySize(vocabulary);
    const flags = new Uint8Array(size);
    for (let token = 0; token < size; token += 1) {
      flags[token] = (engine.isControl(vocabulary, token) ? 1 : 0) | (engine.isEnd(vocabulary, token) ? 2 : 0);
    }
    const plain = this.#pieces(size, false);
    const special = this.#pieces(size, true);
    return {
      size,
      bytes: plain.bytes,
      offsets: plain.offsets,
      specialBytes: special.bytes,
      specialOffsets: special.offsets,
      flags,
      beginOfSequence: engine.beginToken(vocabulary),
      endOfSequence: engine.endToken(vocabulary),
      addBeginOfSequence: engine.addsBegin(vocabulary),
    };
  }

  #pieces(size: number, special: boolean): { bytes: Uint8Array<ArrayBuffer>; offsets: Uint32Array<ArrayBuffer> } {
    const offsets = new Uint32Array(size + 1);
    let buffer = new Uint8Array(size * 8);
    let piece = new Uint8Array(256);
    let end = 0;
    for (let token = 0; token < size; token += 1) {
      let length = this.#engine.piece(this.#vocabulary, token, piece, piece.length, 0, special);
      if (length < 0) {
        piece = new Uint8Array(-length);
        length = this.#engine.piece(this.#vocabulary, token, piece, piece.length, 0, special);
      }
      if (end + length > buffer.length) {
        const larger = new Uint8Array((buffer.length + length) * 2);
        larger.set(buffer);
        buffer = larger;
      }
      buffer.set(piece.subarray(0, length), end);
      end += length;
      offsets[token + 1] = end;
    }
    return { bytes: buffer.slice(0, end), offsets };
  }

  [Symbol.dispose](): void {
    this.#engine.freeModel(this.#model);
  }
}
