import { peerId, silentLogger, StreamLostError, systemClock, type GenerationEvent, type TokenGenerator } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { StageRefusedError } from '../src/chain/stage-connection.ts';
import { PlacementRefusedError, RoutedGenerator } from '../src/index.ts';
import { collect, request } from './support/house.ts';

const refusals = [
  new PlacementRefusedError('Nobody has room.'),
  new StageRefusedError(peerId('p'), { kind: 'refused', code: 'out_of_memory', message: 'No room.' }, 'node'),
];

/** Tokens that count up from the prompt's length; `lostAfter`: then the ring is gone. */
const ring = (lostAfter: number): TokenGenerator => ({
  contextTokens: 100,
  async *generate({ prompt, alreadyGenerated = 0, maxTokens }): AsyncGenerator<GenerationEvent> {
    for (let made = 0; made + alreadyGenerated < maxTokens; made += 1) {
      if (made === lostAfter) throw new StreamLostError('gone');
      const position = prompt.length + made;
      yield { kind: 'token', token: position, position };
    }
    const usage = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0, queueMs: 0, prefillMs: 0, decodeMs: 0 };
    yield { kind: 'end', reason: 'length', usage };
  },
});

/** What is found, one after the other. */
function generatorOver(found: readonly (TokenGenerator | Error)[]): RoutedGenerator {
  const left = [...found];
  return new RoutedGenerator({
    route: {
      async find() {
        const next = left.shift();
        if (next === undefined || next instanceof Error) throw next ?? new Error('nothing is left');
        return next;
      },
    },
    contextTokens: () => 100,
    clock: systemClock,
    logger: silentLogger,
    replaceMs: 5000,
    retryMs: 1,
  });
}

describe.each(refusals)('$name', (refusal) => {
  it('is what a client is told before anything was generated', async () => {
    await expect(collect(generatorOver([refusal, ring(10)]).generate(request([1], 5)))).rejects.toBe(refusal);
  });

  it('does not end an answer under way: room may be found a moment later', async () => {
    const { tokens, end } = await collect(generatorOver([ring(2), refusal, refusal, ring(10)]).generate(request([1], 5)));
    expect(tokens).toEqual([1, 2, 3, 4, 5]);
    expect(end).toBeDefined();
  });
});
