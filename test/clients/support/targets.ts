import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger, systemClock } from '@pippa/core';
import { createGateway, type GatewayOptions } from '@pippa/gateway';
import { openModel } from '../../../agent/src/open-model.ts';
import { ScriptedModel, serviceOf, type Script } from '../../../packages/gateway/test/support/scripted-model.ts';
import { sentence } from '../../../packages/gateway/test/support/scripts.ts';

/** A running agent that clients are pointed at. */
export interface ClientTarget {
  /** Without a path. */
  readonly url: string;
  readonly model: string;
  /** Tokens that one sequence may hold. */
  readonly contextTokens: number;
  /** Generations that are running now. */
  activeGenerations(): number;
  stop(): Promise<void>;
}

/** A target with what its model can be asked. */
export interface ClientSuite {
  readonly name: string;
  start(): Promise<ClientTarget>;
  /** A question that the model answers in a few words. */
  readonly question: string;
  /** What a right answer matches. */
  readonly answer: RegExp;
  /** A question that makes the model call the tool `get_weather`. */
  readonly toolQuestion: string;
  /** The model obeys a JSON schema that it was not trained on. */
  readonly schemas: boolean;
}

export const SCRIPTED: ClientSuite = {
  name: 'a scripted model',
  question: 'What do bees build?',
  answer: /honeycomb/,
  toolQuestion: 'How is the weather in Paris?',
  schemas: true,
  start: () => startScripted(sentence),
};

export async function startScripted(
  script: Script,
  options: Partial<GatewayOptions> = {},
): Promise<ClientTarget & { readonly scripted: ScriptedModel }> {
  const scripted = new ScriptedModel('org/scripted:Q4_0', script);
  const gateway = createGateway({
    models: serviceOf(scripted),
    logger: silentLogger,
    clock: systemClock,
    port: 0,
    version: '0.0.0',
    ...options,
  });
  await gateway.start();
  return {
    url: gateway.address().url,
    model: scripted.name,
    contextTokens: scripted.contextTokens,
    activeGenerations: () => gateway.counters().activeGenerations,
    stop: () => gateway.stop(),
    scripted,
  };
}

const DEMO_MODEL = fileURLToPath(new URL('../../../agent/models/pippa-tiny.gguf', import.meta.url));

/** The demo model as a ring of so many stages, all in this process. */
export const demo = (stages: number): ClientSuite => ({
  name: `pippa-tiny over ${stages} ${stages === 1 ? 'stage' : 'stages'}`,
  question: 'What is pippa-agent?',
  answer: /pippa-agent/,
  toolQuestion: 'What is the weather in Paris?',
  schemas: true,
  start: () => startDemo(stages),
});

async function startDemo(stages: number, options: Partial<GatewayOptions> = {}): Promise<ClientTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'pippa-clients-'));
  const opened = await openModel(
    DEMO_MODEL,
    {
      contextTokens: 1024,
      parallelSequences: 4,
      threads: 1,
      stages,
      budgetBytes: 1 << 30,
      shardDirectory: folder,
      logger: silentLogger,
    },
    {},
  );
  const gateway = createGateway({
    models: serviceOf(opened.served),
    logger: silentLogger,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    version: '0.0.0',
    ...options,
  });
  await gateway.start();
  return {
    url: gateway.address().url,
    model: opened.served.name,
    contextTokens: opened.served.contextTokens,
    activeGenerations: () => gateway.counters().activeGenerations,
    async stop() {
      await gateway.stop();
      await opened.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
