import type { GenerationRequest, RingId } from '@pippa/core';

/** Prompts that are remembered of a ring: about as many as it has slots, whose caches they are. */
const PROMPTS_PER_RING = 16;
const MAX_RINGS = 64;

/** Which prompts this node sent to which ring, to tell what of the next one lies in a ring's cache. What others sent is not known. */
export class PrefixMemory {
  /** Least recently used rings first. */
  readonly #prompts = new Map<RingId, Int32Array[]>();

  remember(ring: RingId, { prompt }: Pick<GenerationRequest, 'prompt'>): void {
    const known = this.#prompts.get(ring) ?? [];
    this.#prompts.delete(ring);
    // One that goes on from another takes its place: a conversation has one slot.
    const others = known.filter((other) => commonPrefix(other, prompt) < other.length);
    this.#prompts.set(ring, [...others, prompt].slice(-PROMPTS_PER_RING));
    const [oldest] = this.#prompts.keys();
    if (this.#prompts.size > MAX_RINGS && oldest !== undefined) this.#prompts.delete(oldest);
  }

  /** Tokens of the prompt's beginning that the ring most likely has. */
  cachedTokens(ring: RingId, prompt: Int32Array): number {
    return Math.max(0, ...(this.#prompts.get(ring) ?? []).map((known) => commonPrefix(known, prompt)));
  }
}

function commonPrefix(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared += 1;
  return shared;
}
