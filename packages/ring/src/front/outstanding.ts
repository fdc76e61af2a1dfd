import type { GenerationEvent, GenerationRequest, RingId, TokenGenerator } from '@pippa/core';

/** What this front has under way at rings of other nodes: their cards are up to a second behind. */
export class Outstanding {
  readonly #counts = new Map<RingId, number>();

  of(ring: RingId): number {
    return this.#counts.get(ring) ?? 0;
  }

  /** The same generator, counted while it generates. */
  counting(ring: RingId, generator: TokenGenerator): TokenGenerator {
    const add = (change: number): void => {
      const count = this.of(ring) + change;
      if (count > 0) this.#counts.set(ring, count);
      else this.#counts.delete(ring);
    };
    return {
      contextTokens: generator.contextTokens,
      generate: (request, options) => counted(generator, request, options, add),
    };
  }
}

async function* counted(
  generator: TokenGenerator,
  request: GenerationRequest,
  options: { readonly signal?: AbortSignal } | undefined,
  add: (change: number) => void,
): AsyncGenerator<GenerationEvent, void, undefined> {
  add(1);
  try {
    yield* generator.generate(request, options);
  } finally {
    add(-1);
  }
}
