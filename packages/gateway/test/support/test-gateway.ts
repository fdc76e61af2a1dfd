import { silentLogger, systemClock } from '@pippa/core';
import type { ServedModel } from '@pippa/core';
import { onTestFinished } from 'vitest';
import { createGateway } from '../../src/index.ts';
import type { Gateway, GatewayOptions } from '../../src/index.ts';
import { ScriptedModel, serviceOf } from './scripted-model.ts';
import type { Script } from './scripted-model.ts';
import { sentence } from './scripts.ts';

export interface TestGateway {
  readonly gateway: Gateway;
  readonly model: ScriptedModel;
  readonly url: string;
  readonly port: number;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** Settles when no request and no generation is left. */
  idle(): Promise<void>;
}

/** A gateway on a free port with one scripted model, stopped when the test ends. */
export async function startGateway(
  options: Partial<GatewayOptions> & { readonly script?: Script; readonly others?: readonly ServedModel[] } = {},
): Promise<TestGateway> {
  const { script, others, ...rest } = options;
  const model = new ScriptedModel('tiny', script ?? sentence);
  const gateway = createGateway({
    models: serviceOf(model, ...(others ?? [])),
    logger: silentLogger,
    clock: systemClock,
    port: 0,
    version: '1.2.3',
    ...rest,
    limits: { drainMs: 0, abortMs: 500, ...rest.limits },
  });
  await gateway.start();
  onTestFinished(() => gateway.stop());
  const { url, port } = gateway.address();
  return {
    gateway,
    model,
    url,
    port,
    post: (path, body, init) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      }),
    idle: () => until(() => gateway.counters().activeRequests === 0 && gateway.counters().activeGenerations === 0),
  };
}

/** Waits for a condition that some event will make true; fails after the test's own time. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export const hello = { model: 'tiny', messages: [{ role: 'user', content: 'Hello there' }] } as const;
