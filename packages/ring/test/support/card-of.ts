import { modelId, peerId, ringId, type CardRing } from '@pippa/core';

/** What a node says of an idle ring of that name. */
export function cardOf(name: string, change: Partial<CardRing> = {}): CardRing {
  return {
    ring: ringId(name),
    model: modelId('a'.repeat(64)),
    name: 'model',
    state: 'ready',
    stages: [{ peer: peerId(name), from: 0, to: 12 }],
    contextTokens: 2048,
    parallelSequences: 4,
    running: 0,
    waiting: 0,
    predictedTokensPerSecond: 10,
    measuredTokensPerSecond: 0,
    ...change,
  };
}
