import type { Engine, Pointer } from '../engine.ts';
import { tokenizeText } from '../tokenize-text.ts';

/** A template of the header for rerankers that are asked in words (Qwen3-Reranker). */
const TEMPLATE_NAME = 'rerank';

/** How a reranker sees a query and a document: by the template of its header, else one after the other, as llama.cpp joins them. */
export class PairFormat {
  readonly #engine: Engine;
  readonly #vocabulary: Pointer;
  readonly #template: string | null;

  constructor(engine: Engine, model: Pointer) {
    this.#engine = engine;
    this.#vocabulary = engine.vocabulary(model);
    this.#template = engine.modelTemplate(model, TEMPLATE_NAME);
  }

  tokenize(query: string, document: string): Int32Array<ArrayBuffer> {
    return this.#template === null ? this.#joined(query, document) : this.#rendered(this.#template, query, document);
  }

  #joined(query: string, document: string): Int32Array<ArrayBuffer> {
    const engine = this.#engine;
    const vocabulary = this.#vocabulary;
    const separator = engine.separatorToken(vocabulary);
    const end = engine.endToken(vocabulary);
    const ends = engine.addsEnd(vocabulary) ? [end === -1 ? separator : end] : [];
    return Int32Array.from([
      ...(engine.addsBegin(vocabulary) ? [engine.beginToken(vocabulary)] : []),
      ...this.#words(query),
      ...ends,
      ...(engine.addsSeparator(vocabulary) ? [separator] : []),
      ...this.#words(document),
      ...ends,
    ]);
  }

  /** Only the template's own text may hold control tokens: what people write into the two places is text. */
  #rendered(template: string, query: string, document: string): Int32Array<ArrayBuffer> {
    const tokens = template.split(/(\{query\}|\{document\})/).flatMap((part) => {
      if (part === '{query}') return [...this.#words(query)];
      if (part === '{document}') return [...this.#words(document)];
      return [...tokenizeText(this.#engine, this.#vocabulary, part, { addSpecial: false, parseSpecial: true })];
    });
    return Int32Array.from(tokens);
  }

  #words(text: string): Int32Array<ArrayBuffer> {
    return tokenizeText(this.#engine, this.#vocabulary, text, { addSpecial: false, parseSpecial: false });
  }
}
