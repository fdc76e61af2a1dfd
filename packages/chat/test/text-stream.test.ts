import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '../src/text/stop-matcher.ts';
import { Harness } from './support/harness.ts';

/** Bytes cut into tokens at the given places. */
function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].toSorted((left, right) => left - right);
  return [0, ...places].map((from, index) => bytes.slice(from, places[index])).filter((piece) => piece.length > 0);
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const cuts = fc.array(fc.nat(), { maxLength: 30 });

describe('streamed text', () => {
  it('is the text of the tokens, whatever the cuts', async () => {
    await fc.assert(
      fc.asyncProperty(text, cuts, async (spoken, places) => {
        const harness = new Harness();
        harness.speak(cut(new TextEncoder().encode(spoken), places));
        const answer = await harness.complete();
        expect(answer.text).toBe(spoken);
        for (const event of answer.events) if (event.kind === 'text') expect(event.text.isWellFormed()).toBe(true);
        expect(answer.finish).toMatchObject({ reason: 'stop' });
      }),
      { numRuns: 150 },
    );
  });

  it('shows invalid bytes as TextDecoder does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 30 }), cuts, async (bytes, places) => {
        const harness = new Harness();
        harness.speak(cut(bytes, places));
        expect((await harness.complete()).text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
      }),
      { numRuns: 150 },
    );
  });

  it('ends before the stop string that is complete first, and leaves the generation there', async () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 40 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(letters, fc.array(stop, { minLength: 1, maxLength: 3 }), cuts, async (spoken, stops, places) => {
        const harness = new Harness();
        harness.speak(cut(new TextEncoder().encode(spoken), places));
        const answer = await harness.complete({ stop: stops });
        const first = stops
          .map((candidate) => ({ candidate, at: spoken.indexOf(candidate), end: spoken.indexOf(candidate) + candidate.length }))
          .filter(({ at }) => at >= 0)
          .toSorted((left, right) => left.end - right.end || left.at - right.at)[0];
        expect(answer.text).toBe(first === undefined ? spoken : spoken.slice(0, first.at));
        expect(answer.finish.stopString).toBe(first?.candidate);
        expect(harness.generator.left).toBe(first !== undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('holds back less than the longest stop string', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 })),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 5 }), { minLength: 1 }),
        (pieces, stops) => {
          const matcher = new StopMatcher(stops);
          const longest = Math.max(...stops.map((stop) => stop.length));
          for (const piece of pieces) {
            if (matcher.push(piece).stop !== undefined) return;
            expect(matcher.heldLength).toBeLessThan(longest);
          }
        },
      ),
    );
  });

  it('comes token by token where nothing is held back', async () => {
    const harness = new Harness();
    harness.speak(['One', ' two', ' three'], { whole: true });
    harness.speak([Buffer.from('One'), Buffer.from(' two'), Buffer.from(' three')]);
    const answer = await harness.complete({ stop: ['STOP'] });
    expect(answer.events.map((event) => (event.kind === 'text' ? event.text : event.kind))).toEqual([
      'One',
      ' two',
      ' three',
      'finish',
    ]);
  });

  it('reports usage of its own when a stop string ends the answer', async () => {
    const harness = new Harness();
    harness.speak(['ab##cd']);
    const { finish } = await harness.complete({ prompt: 'xyz', stop: ['##'] });
    expect(finish).toMatchObject({ reason: 'stop', stopString: '##', usage: { promptTokens: 3, generatedTokens: 4 } });
    expect(harness.generator.handedOut).toBe(4);
  });

  it.each([
    ['end', 'stop'],
    ['length', 'length'],
    ['context', 'length'],
  ] as const)('an end by %s finishes with %s', async (end, reason) => {
    const harness = new Harness();
    harness.speak(['a'], { end });
    const { finish } = await harness.complete();
    expect(finish).toMatchObject({ reason, usage: { cachedTokens: 1, queueMs: 1, prefillMs: 2, decodeMs: 3 } });
  });

  it('gives every visible token its log probability, once and in order', async () => {
    const harness = new Harness();
    const smile = new TextEncoder().encode('😀');
    harness.speak(['a', smile.slice(0, 2), smile.slice(2), 'b', 'c']);
    const { events, logprobs } = await harness.complete({ logprobs: 1, stop: ['bX'] });
    expect(logprobs.map(({ text: piece, logprob }) => [piece, logprob])).toEqual([
      ['a', -0.1],
      ['\uFFFD', -0.2],
      ['\uFFFD\uFFFD', -0.3],
      ['b', -0.4],
      ['c', -0.5],
    ]);
    expect(logprobs[1]?.bytes).toEqual(Array.from(smile.slice(0, 2)));
    const pieces = events.flatMap((event) => (event.kind === 'text' ? [[event.text, event.logprobs?.length]] : []));
    expect(pieces).toEqual([
      ['a', 1],
      ['😀', 2],
      ['bc', 2],
    ]);
  });

  it('leaves out the log probabilities of a stop string', async () => {
    const harness = new Harness();
    harness.speak([Buffer.from('one'), Buffer.from(' tw'), Buffer.from('o#'), Buffer.from('#')]);
    const { text: shown, logprobs } = await harness.complete({ logprobs: 0, stop: ['##'] });
    expect(shown).toBe('one two');
    expect(logprobs.map((entry) => entry.text)).toEqual(['one', ' tw', 'o#']);
  });

  it('passes the abort on and ends with its reason', async () => {
    const harness = new Harness();
    harness.speak(['abcdef']);
    const controller = new AbortController();
    const seen: string[] = [];
    const reason = new Error('client left');
    await expect(async () => {
      for await (const event of harness.model.complete(
        { sampler: {}, stop: [], lane: 'interactive', prompt: 'x', echo: false },
        { signal: controller.signal },
      )) {
        if (event.kind === 'text') seen.push(event.text);
        if (seen.length === 2) controller.abort(reason);
      }
    }).rejects.toBe(reason);
    expect(seen).toEqual(['a', 'b']);
  });

  it('frees the generation when the consumer leaves', async () => {
    const harness = new Harness();
    harness.speak(['abcdef']);
    for await (const event of harness.model.complete(
      { sampler: {}, stop: [], lane: 'interactive', prompt: 'x', echo: false },
      { signal: new AbortController().signal },
    )) {
      if (event.kind === 'text') break;
    }
    expect(harness.generator.handedOut).toBe(1);
    expect(harness.generator.left).toBe(true);
  });
});
