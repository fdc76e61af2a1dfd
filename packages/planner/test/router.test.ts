import { peerId, ringId } from '@pippa/core';
import { expect, test } from 'vitest';
import { chooseRing, isOutrun, type RingCandidate, type SoloOption } from '../src/index.ts';

function ring(name: string, facts: Partial<RingCandidate> = {}): RingCandidate {
  return {
    ring: ringId(name),
    conductor: peerId(name),
    state: 'ready',
    stageCount: 2,
    contextTokens: 8192,
    parallelSequences: 4,
    running: 0,
    waiting: 0,
    predictedTokensPerSecond: 20,
    measuredTokensPerSecond: 0,
    prefillTokensPerSecond: 200,
    cachedTokens: 0,
    tier: 2,
    isLocal: false,
    ...facts,
  };
}

const chat = { lane: 'interactive', promptTokens: 1000, maxTokens: 200 } as const;
const chosen = (...candidates: RingCandidate[]): string | undefined => chooseRing(chat, candidates).ring;

test('the ring with the beginning in its cache answers, unless it is busy for longer than the computing takes', () => {
  expect(chosen(ring('cold'), ring('warm', { cachedTokens: 900 }))).toBe('warm');
  expect(chosen(ring('cold'), ring('warm', { cachedTokens: 900, running: 4, waiting: 6 }))).toBe('cold');
});

test('measured figures replace predictions', () => {
  expect(chosen(ring('slow', { predictedTokensPerSecond: 40, measuredTokensPerSecond: 5 }), ring('other'))).toBe('other');
});

test('the shortest queue, then this node, then the nearest', () => {
  expect(chosen(ring('full', { running: 4, waiting: 1 }), ring('free', { running: 1 }))).toBe('free');
  expect(chosen(ring('a', { tier: 0 }), ring('b', { isLocal: true, tier: 0 }))).toBe('b');
  expect(chosen(ring('a', { tier: 3 }), ring('b', { tier: 2 }))).toBe('b');
});

test('batch work stays out of the way of conversations', () => {
  const fast = ring('fast', { running: 2, predictedTokensPerSecond: 30 });
  const candidates = [fast, ring('idle', { predictedTokensPerSecond: 20 })];
  expect(chooseRing(chat, candidates).ring).toBe('fast');
  expect(chooseRing({ ...chat, lane: 'batch' }, candidates).ring).toBe('idle');
});

test('a ring that is being mended is asked only when there is no other, and one that loads never', () => {
  expect(chosen(ring('broken', { state: 'recovering', isLocal: true }), ring('whole', { running: 4 }))).toBe('whole');
  expect(chosen(ring('broken', { state: 'recovering' }))).toBe('broken');
  expect(chooseRing(chat, [ring('loading', { state: 'loading' })])).toMatchObject({
    ring: undefined,
    reasons: ['The ring of this model is loading.'],
  });
});

test('a request longer than the context of every ring is refused with the numbers', () => {
  const choice = chooseRing({ ...chat, promptTokens: 9000 }, [ring('a')]);
  expect(choice).toMatchObject({
    ring: undefined,
    reasons: ['The request needs 9200 tokens of context; the roomiest ring has 8192.'],
  });
  expect(chooseRing({ ...chat, promptTokens: 9000 }, [ring('a'), ring('long', { contextTokens: 32_768, running: 4 })]).ring).toBe(
    'long',
  );
});

test('a ring measured below 0.6 of what a node alone gives is outrun', () => {
  const solo: SoloOption = { tokensPerSecond: 50 };
  const at = (measuredTokensPerSecond: number) => ({ stageCount: 2, measuredTokensPerSecond });
  expect(isOutrun(at(31), solo)).toBe(false);
  expect(isOutrun(at(29), solo)).toBe(true);
  // Not measured yet: a prediction alone pins nothing.
  expect(isOutrun(at(0), solo)).toBe(false);
  expect(isOutrun(at(29), undefined)).toBe(false);
  // A slower copy on one node is as good as any while the fast one is busy.
  expect(isOutrun({ ...at(29), stageCount: 1 }, solo)).toBe(false);
});

test('while a node alone outruns a ring and has a free slot, it is asked, whatever the ring has in its cache', () => {
  const solo: SoloOption = { tokensPerSecond: 50 };
  const alone = ring('alone', { stageCount: 1, predictedTokensPerSecond: 50, running: 3 });
  const split = ring('split', { measuredTokensPerSecond: 25, cachedTokens: 100_000 });
  expect(chooseRing({ ...chat, promptTokens: 100 }, [split, alone], [solo]).ring).toBe('alone');
  expect(chooseRing({ ...chat, promptTokens: 100 }, [split, { ...alone, running: 4, waiting: 8 }], [solo]).ring).toBe('split');
  expect(chooseRing(chat, [{ ...alone, measuredTokensPerSecond: 20 }], [solo]).ring).toBe('alone');
});
