import type { SamplerSettings, TokenId } from '@pippa/core';

/** The last tokens of a sequence with their counts: what the repetition penalties look at. */
export class PenaltyWindow {
  readonly #ring: Int32Array;
  readonly #counts = new Map<TokenId, number>();
  #length = 0;
  #next = 0;

  constructor(capacity: number) {
    this.#ring = new Int32Array(capacity);
  }

  accept(token: TokenId): void {
    if (this.#ring.length === 0) return;
    if (this.#length === this.#ring.length) this.#forget(this.#ring[this.#next] as number);
    else this.#length += 1;
    this.#ring[this.#next] = token;
    this.#next = (this.#next + 1) % this.#ring.length;
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
  }

  /** Changes `logits` in place, in llama.cpp's meaning of the three penalties. */
  apply(logits: Float32Array, settings: SamplerSettings): void {
    for (const [token, count] of this.#counts) {
      const logit = logits[token];
      if (logit === undefined) continue;
      const repeated = logit <= 0 ? logit * settings.repeatPenalty : logit / settings.repeatPenalty;
      logits[token] = repeated - count * settings.frequencyPenalty - settings.presencePenalty;
    }
  }

  #forget(token: TokenId): void {
    const count = (this.#counts.get(token) ?? 1) - 1;
    if (count === 0) this.#counts.delete(token);
    else this.#counts.set(token, count);
  }
}

export function usesPenalties(settings: SamplerSettings): boolean {
  return (
    settings.penaltyLastTokens > 0 &&
    (settings.repeatPenalty !== 1 || settings.presencePenalty !== 0 || settings.frequencyPenalty !== 0)
  );
}
