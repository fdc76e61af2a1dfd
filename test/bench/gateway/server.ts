/**
 * A gateway over a model that says words without computing anything, in a process of its own: what it uses is what the gateway costs.
 * `max_tokens` says how many words, `seed` how many milliseconds lie between two; 0 is as fast as they are taken. Tells its address
 * once, and its processor milliseconds and counters whenever it is asked.
 */
import { silentLogger, systemClock, type ChatRequest, type GenerationUsage, type ServedModel } from '@pippa/core';
import { createGateway } from '@pippa/gateway';

/** What it says to whoever started it. */
export type ServerReport =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'state';
      readonly cpuMs: number;
      readonly residentBytes: number;
      readonly activeGenerations: number;
      readonly openConnections: number;
    };

const WORD = ' word';

const model: ServedModel = {
  name: 'words',
  createdMs: 0,
  contextTokens: 1_000_000,
  architecture: 'words',
  parameterCount: 0,
  fileBytes: 0,
  async *chat({ maxTokens = 1, sampler }: ChatRequest) {
    const gapMs = sampler.seed ?? 0;
    for (let count = 0; count < maxTokens; count++) {
      if (gapMs > 0) await beat(gapMs);
      yield { kind: 'text', text: WORD };
    }
    const usage: GenerationUsage = {
      promptTokens: 1,
      cachedTokens: 0,
      generatedTokens: maxTokens,
      queueMs: 0,
      prefillMs: 1,
      decodeMs: 1,
    };
    yield { kind: 'finish', reason: 'stop', usage };
  },
  complete: () => {
    throw new Error('not asked for');
  },
};

/** All sequences get their token at one time, as from a step of a ring. */
const beats = new Map<number, Promise<void>>();
function beat(gapMs: number): Promise<void> {
  let next = beats.get(gapMs);
  if (next === undefined) {
    next = new Promise((resolve) => {
      setTimeout(() => {
        beats.delete(gapMs);
        resolve();
      }, gapMs);
    });
    beats.set(gapMs, next);
  }
  return next;
}

const gateway = createGateway({
  models: { list: () => [model], get: () => model },
  logger: silentLogger,
  clock: systemClock,
  port: 0,
  version: 'bench',
  limits: { drainMs: 0 },
});
await gateway.start();
const report = (said: ServerReport): void => void process.send?.(said);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const { activeGenerations, openConnections } = gateway.counters();
  // What is garbage is nobody's leak.
  globalThis.gc?.();
  const residentBytes = process.memoryUsage.rss();
  report({ kind: 'state', cpuMs: (user + system) / 1000, residentBytes, activeGenerations, openConnections });
});
process.on('disconnect', () => void gateway.stop());
report({ kind: 'listening', port: gateway.address().port });
