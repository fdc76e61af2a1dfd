import type { SamplerSettings, TokenId } from '@pippa/core';
import { argmax, collectCandidates, type Candidates } from './candidates.ts';
import { uniformDraw } from './draw.ts';

/**
 * Chooses the token for `position` from logits that already carry biases, penalties and the grammar's mask: top-k, typical-p, top-p,
 * min-p, temperature, draw, in llama.cpp's order and meaning.
 */
export function chooseToken(logits: Float32Array, settings: SamplerSettings, position: number, candidates: Candidates): TokenId {
  if (settings.temperature <= 0) return argmax(logits);
  collectCandidates(logits, settings, candidates);
  if (candidates.size === 0) return argmax(logits);
  const probabilities = softmax(candidates, 1);
  if (settings.typicalP < 1) keepTypical(candidates, probabilities, settings.typicalP);
  if (settings.topP < 1) keepNucleus(candidates, settings.topP);
  if (settings.minP > 0) keepProbable(candidates, settings.minP);
  const weights = softmax(candidates, settings.temperature);
  let remaining = uniformDraw(settings.seed, position);
  for (let index = 0; index < candidates.size; index += 1) {
    remaining -= weights[index] as number;
    if (remaining < 0) return candidates.tokens[index] as number;
  }
  return candidates.tokens[candidates.size - 1] as number;
}

/** Probabilities of the candidates, which are sorted by falling logit unless typical-p reordered them. */
function softmax({ logits, size }: Candidates, temperature: number): Float64Array {
  let largest = -Infinity;
  for (let index = 0; index < size; index += 1) largest = Math.max(largest, logits[index] as number);
  const probabilities = new Float64Array(size);
  let sum = 0;
  for (let index = 0; index < size; index += 1) {
    const weight = Math.exp(((logits[index] as number) - largest) / temperature);
    probabilities[index] = weight;
    sum += weight;
  }
  for (let index = 0; index < size; index += 1) probabilities[index] = (probabilities[index] as number) / sum;
  return probabilities;
}

/** Locally typical sampling (arXiv:2202.00666): keeps those whose surprise is nearest to the entropy until `mass` is covered. */
function keepTypical(candidates: Candidates, probabilities: Float64Array, mass: number): void {
  let entropy = 0;
  for (const probability of probabilities) if (probability > 0) entropy -= probability * Math.log(probability);
  const order = Array.from(probabilities.keys()).sort((a, b) => distance(a) - distance(b) || a - b);
  function distance(index: number): number {
    return Math.abs(-Math.log(probabilities[index] as number) - entropy);
  }
  let covered = 0;
  let kept = 0;
  for (const index of order) {
    covered += probabilities[index] as number;
    kept += 1;
    if (covered > mass) break;
  }
  keepIndexes(
    candidates,
    order.slice(0, kept).sort((a, b) => a - b),
  );
}

function keepIndexes(candidates: Candidates, indexes: readonly number[]): void {
  for (const [place, index] of indexes.entries()) {
    candidates.tokens[place] = candidates.tokens[index] as number;
    candidates.logits[place] = candidates.logits[index] as number;
  }
  candidates.size = indexes.length;
}

/** Top-p: the fewest likeliest tokens whose probabilities reach `mass`. */
function keepNucleus(candidates: Candidates, mass: number): void {
  const probabilities = softmax(candidates, 1);
  let covered = 0;
  for (let index = 0; index < candidates.size; index += 1) {
    covered += probabilities[index] as number;
    if (covered >= mass) {
      candidates.size = index + 1;
      return;
    }
  }
}

/** Min-p: tokens at least `share` as likely as the likeliest. */
function keepProbable(candidates: Candidates, share: number): void {
  const threshold = (candidates.logits[0] as number) + Math.log(share);
  let size = 1;
  while (size < candidates.size && (candidates.logits[size] as number) >= threshold) size += 1;
  candidates.size = size;
}
