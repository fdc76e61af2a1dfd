import { silentLogger, systemClock, type ChatRequest, type ModelService, type ServedModel } from '@pippa/core';
import { createGateway, type Gateway, type GatewayOptions } from '@pippa/gateway';
import { onTestFinished } from 'vitest';

/** A model that repeats its last message, word by word. */
export const echoModel: ServedModel = {
  name: 'echo',
  createdMs: 0,
  contextTokens: 4096,
  architecture: 'test',
  parameterCount: 1,
  fileBytes: 1,
  async *chat(request: ChatRequest) {
    const words = (request.messages.at(-1)?.content ?? '').split(/(?<= )/);
    for (const text of words) yield { kind: 'text', text };
    const usage = {
      promptTokens: words.length,
      cachedTokens: 0,
      generatedTokens: words.length,
      queueMs: 1,
      prefillMs: 2,
      decodeMs: 3,
      ring: { steps: words.length, stepMs: 6, stageMs: [2, 3] },
    };
    yield { kind: 'finish', reason: 'stop', usage, prepareMs: 4 };
  },
  complete: () => {
    throw new Error('not asked for');
  },
};

const service: ModelService = { list: () => [echoModel], get: () => echoModel };

/** A gateway on a free port with the model above, stopped when the test ends. */
export async function startSmallGateway(
  options: Partial<GatewayOptions> = {},
): Promise<{ gateway: Gateway; port: number; url: string }> {
  const gateway = createGateway({
    models: service,
    logger: silentLogger,
    clock: systemClock,
    port: 0,
    version: '1.2.3',
    limits: { drainMs: 0 },
    ...options,
  });
  await gateway.start();
  onTestFinished(() => gateway.stop());
  return { gateway, ...gateway.address() };
}
