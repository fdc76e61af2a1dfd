import type { Sample, SamplerSettings, Slot, TokenId } from '@pippa/core';
import type { Engine, Pointer } from '../engine.ts';
import { createCandidates } from './candidates.ts';
import { chooseToken } from './choose.ts';
import { Grammar, type GrammarScratch } from './grammar.ts';
import { tokenLogprob } from './logprobs.ts';
import { PenaltyWindow, usesPenalties } from './penalties.ts';

/** What all samplers of a last stage share. */
export interface SamplerSurroundings {
  readonly engine: Engine;
  readonly vocabulary: Pointer;
  readonly endTokens: ReadonlySet<TokenId>;
  /** Made at first use: most stages never see a grammar. */
  readonly grammarScratch: () => GrammarScratch;
  /** A copy of the logits that biases, penalties and grammars may change; vocabulary-sized. */
  readonly scratchLogits: Float32Array;
}

/** Chooses the tokens of one sequence. */
export class SlotSampler implements Disposable {
  readonly #settings: SamplerSettings;
  readonly #surroundings: SamplerSurroundings;
  readonly #penalties: PenaltyWindow | undefined;
  readonly #grammar: Grammar | undefined;
  readonly #candidates = createCandidates();

  /** `history`: see `SamplerOperation`. Throws `GrammarError`. */
  constructor(settings: SamplerSettings, history: Int32Array, generatedTokens: number, surroundings: SamplerSurroundings) {
    this.#settings = settings;
    this.#surroundings = surroundings;
    if (usesPenalties(settings)) {
      this.#penalties = new PenaltyWindow(settings.penaltyLastTokens);
      for (const token of history.subarray(-settings.penaltyLastTokens)) this.#penalties.accept(token);
    }
    if (settings.grammar !== undefined) {
      this.#grammar = new Grammar(surroundings.engine, surroundings.vocabulary, settings.grammar, surroundings.grammarScratch());
      for (const token of history.subarray(history.length - generatedTokens)) this.#grammar.accept(token);
    }
  }

  /** Samples the token for `position` from the model's logits and takes it into account for the next. */
  sample(logits: Float32Array, slot: Slot, position: number, logprobs: number): Sample {
    const token = this.#choose(logits, position);
    // Accepting what the grammar does not allow would end the process: llama.cpp throws.
    if (token === undefined) return { slot, token: this.#endToken(), endOfGeneration: true };
    this.#penalties?.accept(token);
    this.#grammar?.accept(token);
    const sample = { slot, token, endOfGeneration: this.#surroundings.endTokens.has(token) };
    return logprobs < 0 ? sample : { ...sample, logprob: tokenLogprob(logits, token, logprobs) };
  }

  /** Undefined: the grammar and the biases together leave nothing to say. */
  #choose(logits: Float32Array, position: number): TokenId | undefined {
    const settings = this.#settings;
    // A grammar says itself where a text may end, and after its end nothing else may come.
    const ignoresEnd = settings.ignoreEndOfGeneration === true && this.#grammar === undefined;
    const changed = this.#penalties !== undefined || settings.logitBias.length > 0 || ignoresEnd;
    let adjusted = logits;
    if (changed) {
      adjusted = this.#surroundings.scratchLogits;
      adjusted.set(logits);
      for (const [token, bias] of settings.logitBias) {
        if (token < adjusted.length) adjusted[token] = bias <= -100 ? -Infinity : (adjusted[token] as number) + bias;
      }
      if (ignoresEnd) for (const token of this.#surroundings.endTokens) adjusted[token] = -Infinity;
      this.#penalties?.apply(adjusted, settings);
    }
    const token = chooseToken(adjusted, settings, position, this.#candidates);
    if (this.#grammar === undefined || this.#grammar.allows(token)) return token;
    // The usual case is that the grammar agrees; only when it does not is the whole vocabulary tested against it.
    if (!changed) {
      adjusted = this.#surroundings.scratchLogits;
      adjusted.set(logits);
    }
    this.#grammar.mask(adjusted);
    const masked = chooseToken(adjusted, settings, position, this.#candidates);
    return adjusted[masked] === -Infinity ? undefined : masked;
  }

  #endToken(): TokenId {
    const [end = 0] = this.#surroundings.endTokens;
    return end;
  }

  [Symbol.dispose](): void {
    this.#grammar?.[Symbol.dispose]();
  }
}
