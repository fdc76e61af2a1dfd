import type { EndReason, GenerationEvent, GenerationRequest, TokenGenerator, TokenId } from '@pippa/core';

/** Plays back tokens; remembers what it was asked and how it was left. */
export class ScriptedGenerator implements TokenGenerator {
  readonly contextTokens: number;
  readonly requests: GenerationRequest[] = [];
  /** Tokens that were handed out in the last generation. */
  handedOut = 0;
  /** The last generation was left before its end. */
  left = false;
  tokens: readonly TokenId[] = [];
  end: EndReason = 'end';

  constructor(contextTokens = 100_000) {
    this.contextTokens = contextTokens;
  }

  async *generate(
    request: GenerationRequest,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    this.requests.push(request);
    this.handedOut = 0;
    this.left = true;
    const start = request.prompt.length;
    for (const [index, token] of this.tokens.entries()) {
      options.signal?.throwIfAborted();
      this.handedOut += 1;
      const logprob = { token, logprob: -(index + 1) / 10, top: [{ token, logprob: -(index + 1) / 10 }] };
      yield { kind: 'token', token, position: start + index, ...(request.logprobs >= 0 && { logprob }) };
      await Promise.resolve();
    }
    options.signal?.throwIfAborted();
    this.left = false;
    yield {
      kind: 'end',
      reason: this.end,
      usage: { promptTokens: start, cachedTokens: 1, generatedTokens: this.tokens.length, queueMs: 1, prefillMs: 2, decodeMs: 3 },
    };
  }
}
