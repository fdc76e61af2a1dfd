import type { SamplerSettings, TokenId } from '@pippa/core';

/** Tokens still in play with their logits, likeliest first once sorted. Reused from call to call; `size` entries count. */
export interface Candidates {
  tokens: Int32Array;
  logits: Float64Array;
  size: number;
}

/**
 * A token whose logit lies this far (in units of the temperature) below the best one has less than e^-30 = 1e-13 of its
 * probability: leaving it out cannot be told from keeping it, and saves an exponential for almost the whole vocabulary.
 */
const NEGLIGIBLE_LOGIT_GAP = 30;

export const createCandidates = (): Candidates => ({ tokens: new Int32Array(1024), logits: new Float64Array(1024), size: 0 });

/** The index of the largest logit; the lowest token id wins a tie. */
export function argmax(logits: Float32Array): TokenId {
  let best = 0;
  let bestLogit = -Infinity;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number;
    if (logit > bestLogit) {
      bestLogit = logit;
      best = token;
    }
  }
  return best;
}

/** Fills `candidates` with the tokens that top-k and the temperature leave in play, sorted by falling logit, then token id. */
export function collectCandidates(logits: Float32Array, settings: SamplerSettings, candidates: Candidates): void {
  if (settings.topK > 0 && settings.topK < logits.length) keepLargest(logits, settings.topK, candidates);
  else
    keepAbove(logits, (logits[argmax(logits)] as number) - NEGLIGIBLE_LOGIT_GAP * Math.max(settings.temperature, 0.01), candidates);
  sortCandidates(candidates);
}

function keepAbove(logits: Float32Array, threshold: number, candidates: Candidates): void {
  let size = 0;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number;
    if (logit < threshold || logit === -Infinity) continue;
    if (size === candidates.tokens.length) grow(candidates);
    candidates.tokens[size] = token;
    candidates.logits[size] = logit;
    size += 1;
  }
  candidates.size = size;
}

/** Keeps the `count` largest in a binary heap whose root is the smallest kept: one comparison for most of the vocabulary. */
function keepLargest(logits: Float32Array, count: number, candidates: Candidates): void {
  while (candidates.tokens.length < count) grow(candidates);
  const { tokens, logits: kept } = candidates;
  let size = 0;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number;
    if (size < count) {
      if (logit === -Infinity) continue;
      let child = size;
      size += 1;
      while (child > 0) {
        const parent = (child - 1) >> 1;
        if ((kept[parent] as number) <= logit) break;
        kept[child] = kept[parent] as number;
        tokens[child] = tokens[parent] as number;
        child = parent;
      }
      kept[child] = logit;
      tokens[child] = token;
    } else if (logit > (kept[0] as number)) {
      siftDown(candidates, size, logit, token);
    }
  }
  candidates.size = size;
}

function siftDown({ tokens, logits }: Candidates, size: number, logit: number, token: number): void {
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= size) break;
    if (child + 1 < size && (logits[child + 1] as number) < (logits[child] as number)) child += 1;
    if ((logits[child] as number) >= logit) break;
    logits[parent] = logits[child] as number;
    tokens[parent] = tokens[child] as number;
    parent = child;
  }
  logits[parent] = logit;
  tokens[parent] = token;
}

function sortCandidates(candidates: Candidates): void {
  const { tokens, logits, size } = candidates;
  const order = Array.from({ length: size }, (_, index) => index);
  order.sort((a, b) => (logits[b] as number) - (logits[a] as number) || (tokens[a] as number) - (tokens[b] as number));
  const sortedTokens = order.map((index) => tokens[index] as number);
  const sortedLogits = order.map((index) => logits[index] as number);
  tokens.set(sortedTokens);
  logits.set(sortedLogits);
}

function grow(candidates: Candidates): void {
  const tokens = new Int32Array(candidates.tokens.length * 2);
  const logits = new Float64Array(candidates.logits.length * 2);
  tokens.set(candidates.tokens);
  logits.set(candidates.logits);
  candidates.tokens = tokens;
  candidates.logits = logits;
}
