import { DEFAULT_SAMPLER_SETTINGS, silentLogger, type Clock, type GenerationEvent, type GenerationRequest } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConductor, DEFAULT_CONDUCTOR_SETTINGS, type Conductor, type ConductorSettings } from '../src/index.ts';
import { nextToken, SimulatedChain, VirtualTime } from './support/simulated-chain.ts';

interface Bench {
  readonly time: VirtualTime;
  readonly chain: SimulatedChain;
  readonly conductor: Conductor;
}

function bench(
  options: { stages?: number; contextCells?: number; parallelSequences?: number; canTruncate?: boolean } = {},
  settings: Partial<ConductorSettings> = {},
): Bench {
  const time = new VirtualTime();
  const chain = new SimulatedChain(time, { stages: 1, contextCells: 4096, parallelSequences: 4, ...options });
  const clock: Clock = { nowMs: () => time.nowMs, wallMs: () => time.nowMs, schedule: () => () => {} };
  const conductor = createConductor({
    chain,
    settings: { ...DEFAULT_CONDUCTOR_SETTINGS, contextTokens: 2048, ...settings },
    clock,
    logger: silentLogger,
  });
  void conductor.start();
  void conductor.start();
  return { time, chain, conductor };
}

const request = (prompt: readonly number[], maxTokens: number, more: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prompt: Int32Array.from(prompt),
  sampler: { ...DEFAULT_SAMPLER_SETTINGS, seed: 5 },
  maxTokens,
  logprobs: -1,
  lane: 'interactive',
  ...more,
});

const promptOf = (length: number, salt = 0): number[] => Array.from({ length }, (_, index) => (index * 7 + salt * 131) % 900);

function expected(prompt: readonly number[], count: number, seed = 5): number[] {
  const history = [...prompt];
  for (let index = 0; index < count; index += 1) history.push(nextToken(history, seed));
  return history.slice(prompt.length);
}

async function collect(
  events: AsyncIterable<GenerationEvent>,
): Promise<{ tokens: number[]; end: Extract<GenerationEvent, { kind: 'end' }> | undefined }> {
  const tokens: number[] = [];
  let end: Extract<GenerationEvent, { kind: 'end' }> | undefined;
  for await (const event of events) {
    if (event.kind === 'token') tokens.push(event.token);
    else end = event;
  }
  return { tokens, end };
}

/** Plays the virtual time while the generations run. */
async function play<Result>({ time }: Bench, work: Promise<Result>): Promise<Result> {
  const outcome = work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  let settled = false;
  void outcome.then(() => (settled = true));
  for (let round = 0; round < 1000 && !settled; round += 1) await time.run();
  const result = await outcome;
  if ('error' in result) throw result.error;
  return result.value;
}

describe('conductor', () => {
  it.each([1, 2, 3, 8])('generates what the model gives over %i stages', async (stages) => {
    const ring = bench({ stages });
    const { tokens, end } = await play(ring, collect(ring.conductor.generate(request(promptOf(300), 20))));
    expect(tokens).toEqual(expected(promptOf(300), 20));
    expect(end).toMatchObject({ reason: 'length', usage: { promptTokens: 300, generatedTokens: 20, cachedTokens: 0 } });
    expect(ring.conductor.snapshot()).toMatchObject({ running: 0, waiting: 0, freeSlots: 4, stepsInFlight: 0 });
  });

  it('tells which stage took how much of a generation', async () => {
    const ring = bench({ stages: 2 });
    const { end } = await play(ring, collect(ring.conductor.generate(request(promptOf(64), 5))));
    const timing = end?.usage.ring;
    expect(timing?.stageMs).toHaveLength(2);
    expect(timing?.steps).toBeGreaterThanOrEqual(5);
    expect(timing?.stepMs).toBeGreaterThanOrEqual((timing?.stageMs[0] ?? 0) + (timing?.stageMs[1] ?? 0));
    expect(timing?.stageMs[0]).toBeGreaterThan(0);
  });

  it('keeps decode tokens riding while a long prompt is prefilled', async () => {
    const ring = bench({}, { sharedPrefillRows: 64 });
    await play(
      ring,
      Promise.all([
        collect(ring.conductor.generate(request([1, 2, 3], 30))),
        collect(ring.conductor.generate(request(promptOf(1000), 2))),
      ]),
    );
    const prefilling = ring.chain.steps.filter((step) => step.slots.length > 10);
    // The first was built before the short prompt had its first token: it takes `maxPrefillRows` (512) of the 1,003.
    expect(prefilling.length).toBe(1 + Math.ceil(491 / 64));
    expect(prefilling.slice(1).every((step) => step.outputs.length >= 1)).toBe(true);
    expect(Math.max(...prefilling.slice(1).map((step) => step.slots.length))).toBeLessThanOrEqual(65);
  });

  it('overlaps two streams over two stages and the chunks of one prompt', async () => {
    const elapsed = async (stages: number, requests: GenerationRequest[]): Promise<number> => {
      const ring = bench({ stages });
      await play(ring, Promise.all(requests.map((each) => collect(ring.conductor.generate(each)))));
      return ring.time.nowMs;
    };
    const streams = [request([1, 2, 3], 200), request([4, 5, 6], 200)];
    expect((await elapsed(1, streams)) / (await elapsed(2, streams))).toBeGreaterThan(1.9);
    const prompt = [request(promptOf(1024), 1)];
    expect((await elapsed(1, prompt)) / (await elapsed(2, prompt))).toBeGreaterThan(1.8);
  });

  it('reuses the prefix that a slot still holds', async () => {
    const ring = bench();
    const first = await play(ring, collect(ring.conductor.generate(request(promptOf(200), 10))));
    const rowsBefore = ring.chain.steps.reduce((sum, step) => sum + step.slots.length, 0);
    const followUp = [...promptOf(200), ...first.tokens, 17, 18];
    const second = await play(ring, collect(ring.conductor.generate(request(followUp, 5))));
    const rows = ring.chain.steps.reduce((sum, step) => sum + step.slots.length, 0) - rowsBefore;
    expect(second.tokens).toEqual(expected(followUp, 5));
    expect(second.end?.usage.cachedTokens).toBe(209);
    expect(rows).toBeLessThan(10);
  });

  it('copies a shared prefix from a slot that is busy', async () => {
    const ring = bench();
    const shared = promptOf(300);
    const running = collect(ring.conductor.generate(request([...shared, 1], 400)));
    const late = (async () => {
      while (ring.conductor.snapshot().generatedTokens < 5) await new Promise<void>((resolve) => setImmediate(resolve));
      return collect(ring.conductor.generate(request([...shared, 2], 10)));
    })();
    const [first, second] = await play(ring, Promise.all([running, late]));
    expect(first.tokens).toEqual(expected([...shared, 1], 400));
    expect(second.tokens).toEqual(expected([...shared, 2], 10));
    expect(second.end?.usage.cachedTokens).toBe(300);
  });

  it('never truncates a slot of a recurrent model', async () => {
    const ring = bench({ canTruncate: false, parallelSequences: 1 });
    const first = await play(ring, collect(ring.conductor.generate(request(promptOf(50), 5))));
    const followUp = [...promptOf(50), ...first.tokens, 3];
    expect((await play(ring, collect(ring.conductor.generate(request(followUp, 5))))).tokens).toEqual(expected(followUp, 5));
    expect((await play(ring, collect(ring.conductor.generate(request(promptOf(50), 5))))).tokens).toEqual(
      expected(promptOf(50), 5),
    );
  });

  it('ends with "context" when the context is full and refuses prompts that cannot fit', async () => {
    const ring = bench({}, { contextTokens: 64 });
    const { tokens, end } = await play(ring, collect(ring.conductor.generate(request(promptOf(60), 100))));
    expect(tokens).toHaveLength(4);
    expect(end?.reason).toBe('context');
    await expect(collect(ring.conductor.generate(request(promptOf(64), 1)))).rejects.toMatchObject({ name: 'PromptTooLongError' });
    await expect(collect(ring.conductor.generate(request([], 1)))).rejects.toMatchObject({ name: 'InvalidInputError' });
    await expect(collect(ring.conductor.generate(request([5000], 1)))).rejects.toMatchObject({ name: 'InvalidInputError' });
  });

  it('preempts when cells run out, and the texts stay what they would have been', async () => {
    const ring = bench({ contextCells: 256, parallelSequences: 4 }, { contextTokens: 256 });
    const prompts = [0, 1, 2, 3].map((salt) => promptOf(40, salt));
    const results = await play(ring, Promise.all(prompts.map((prompt) => collect(ring.conductor.generate(request(prompt, 100))))));
    for (const [index, { tokens }] of results.entries()) expect(tokens).toEqual(expected(prompts[index] as number[], 100));
    expect(ring.conductor.snapshot().preemptions).toBeGreaterThan(0);
  });

  it('bounds the queue and says when to come back', async () => {
    const ring = bench({ parallelSequences: 1 }, { maxQueued: 2 });
    const running = [0, 1, 2].map((salt) => collect(ring.conductor.generate(request(promptOf(10, salt), 5))));
    await expect(collect(ring.conductor.generate(request([1], 1)))).rejects.toMatchObject({
      name: 'OverloadedError',
      retryAfterSeconds: expect.any(Number),
    });
    expect(await play(ring, Promise.all(running))).toHaveLength(3);
  });

  it('frees a sequence at once when its consumer leaves or its signal aborts', async () => {
    const ring = bench({ parallelSequences: 2 });
    const controller = new AbortController();
    const aborted = collect(ring.conductor.generate(request(promptOf(20), 1000), { signal: controller.signal }));
    const left = (async () => {
      for await (const event of ring.conductor.generate(request(promptOf(20, 1), 1000))) {
        if (event.kind === 'token') {
          controller.abort(new Error('client left'));
          break;
        }
      }
    })();
    const outcome = aborted.catch((error: unknown) => error);
    await play(ring, left);
    expect(await play(ring, outcome)).toMatchObject({ message: 'client left' });
    await ring.time.run();
    expect(ring.conductor.snapshot()).toMatchObject({ running: 0, waiting: 0, freeSlots: 2, stepsInFlight: 0 });
  });

  it('tells every sequence when a stage is lost, and later callers too', async () => {
    const ring = bench();
    ring.chain.failAtStep = 4;
    await expect(play(ring, collect(ring.conductor.generate(request(promptOf(20), 50))))).rejects.toMatchObject({
      name: 'StageError',
    });
    await expect(collect(ring.conductor.generate(request([1], 1)))).rejects.toMatchObject({ name: 'StageError' });
  });

  it('gives every sequence its own text whatever the traffic', async () => {
    const traffic = fc.record({
      stages: fc.integer({ min: 1, max: 4 }),
      parallelSequences: fc.integer({ min: 1, max: 4 }),
      contextCells: fc.integer({ min: 200, max: 600 }),
      canTruncate: fc.boolean(),
      requests: fc.array(
        fc.record({
          prefix: fc.integer({ min: 0, max: 60 }),
          length: fc.integer({ min: 1, max: 60 }),
          salt: fc.integer({ min: 0, max: 5 }),
          tokens: fc.integer({ min: 1, max: 40 }),
          cancelAfter: fc.option(fc.integer({ min: 0, max: 20 })),
          lane: fc.constantFrom('interactive' as const, 'batch' as const),
        }),
        { minLength: 1, maxLength: 10 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(traffic, async ({ requests, ...options }) => {
        const ring = bench(options, { contextTokens: 180 });
        const outcomes = requests.map(async ({ prefix, length, salt, tokens, cancelAfter, lane }) => {
          const prompt = [...promptOf(prefix), ...promptOf(length, salt + 1)];
          const received: number[] = [];
          for await (const event of ring.conductor.generate(request(prompt, tokens, { lane }))) {
            if (event.kind === 'token') received.push(event.token);
            if (cancelAfter !== null && received.length > cancelAfter) break;
          }
          expect(received).toEqual(expected(prompt, received.length));
          if (cancelAfter === null) expect(received).toHaveLength(tokens);
        });
        await play(ring, Promise.all(outcomes));
        await ring.time.run();
        expect(ring.conductor.snapshot()).toMatchObject({
          running: 0,
          waiting: 0,
          freeSlots: options.parallelSequences,
          stepsInFlight: 0,
        });
      }),
      { numRuns: 100 },
    );
  });
});
