import type { Engine, Pointer } from './engine.ts';
import { ModelLoadError } from './errors.ts';

/** A text of more bytes than this is refused by the engine's 32-bit lengths. */
const MAX_TEXT_BYTES = 1 << 30;

/** A text's tokens; the options are those of `Tokenizer.tokenize`. Blocks. */
export function tokenizeText(
  engine: Engine,
  vocabulary: Pointer,
  text: string,
  { addSpecial, parseSpecial }: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
): Int32Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MAX_TEXT_BYTES) throw new ModelLoadError('The text is too long to be tokenized.');
  let tokens = new Int32Array(bytes.length + 8);
  let count = engine.tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial);
  if (count < 0) {
    tokens = new Int32Array(-count);
    count = engine.tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, addSpecial, parseSpecial);
  }
  return tokens.slice(0, Math.max(0, count));
}
