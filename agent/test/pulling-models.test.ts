import { ModelNotFoundError, silentLogger, type ModelService, type ServedModel } from '@pippa/core';
import type { PullPlan, PullProgress } from '@pippa/models';
import { describe, expect, it } from 'vitest';
import { PullingModels } from '../src/node/pulling-models.ts';

const PLAN: PullPlan = {
  name: 'Qwen3-8B:Q4_K_M',
  from: 'huggingface.co',
  files: [
    { url: new URL('https://huggingface.co/x'), headers: {}, target: 'x.gguf', byteLength: 5_000_000_000, sha256: undefined },
  ],
};

interface Scene {
  readonly pulling: PullingModels;
  readonly here: Set<string>;
  readonly asked: string[];
  readonly pull: PromiseWithResolvers<void>;
  progress: (progress: PullProgress) => void;
}

function scene(options: { readonly mayPull: boolean; readonly plan?: () => Promise<PullPlan> }): Scene {
  const here = new Set(['local']);
  const asked: string[] = [];
  const pull = Promise.withResolvers<void>();
  const models: ModelService = {
    list: () => [],
    get(name) {
      if (here.has(name)) return { name } as ServedModel;
      throw new ModelNotFoundError(name, [...here]);
    },
  };
  const made: Scene = {
    here,
    asked,
    pull,
    progress: () => {},
    pulling: new PullingModels({
      models,
      mayPull: options.mayPull,
      logger: silentLogger,
      plan: async (reference) => {
        asked.push(reference);
        return options.plan === undefined ? PLAN : options.plan();
      },
      pull: async (_, { onProgress }) => {
        made.progress = onProgress;
        await pull.promise;
      },
    }),
  };
  return made;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const failure = (models: ModelService, name: string): unknown => {
  try {
    models.get(name);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('a request for a model that is only on the hub', () => {
  it('is told size and time, and how to get it', async () => {
    const { pulling } = scene({ mayPull: false });
    expect(failure(pulling, 'hf:Qwen/Qwen3-8B-GGUF')).toMatchObject({ name: 'OverloadedError', retryAfterSeconds: 1 });
    await settled();
    expect(failure(pulling, 'hf:Qwen/Qwen3-8B-GGUF')).toMatchObject({
      name: 'ModelOnHubError',
      code: 'model_not_found',
      message: expect.stringMatching(/Qwen3-8B:Q4_K_M is at huggingface\.co: 4\.7 GB, about 6 min 40 s at 100 Mbit\/s/),
      hint: expect.stringMatching(/pippa-agent pull hf:Qwen\/Qwen3-8B-GGUF, or .*--auto-pull/),
    });
  });

  it('has it got when that is allowed, is told how far it is, and answered then', async () => {
    const { pulling, here, pull, ...rest } = scene({ mayPull: true });
    failure(pulling, 'hf:Qwen/Qwen3-8B-GGUF/x.gguf');
    await settled();
    expect(rest.asked).toEqual(['hf:Qwen/Qwen3-8B-GGUF/x.gguf']);
    expect(failure(pulling, 'hf:Qwen/Qwen3-8B-GGUF/x.gguf')).toMatchObject({
      name: 'OverloadedError',
      message: expect.stringContaining('is being pulled'),
    });
    here.add(PLAN.name);
    pull.resolve();
    await settled();
    expect(pulling.get('hf:Qwen/Qwen3-8B-GGUF/x.gguf').name).toBe(PLAN.name);
    expect(rest.asked).toHaveLength(1);
  });

  it('says how much is left', async () => {
    const made = scene({ mayPull: true });
    failure(made.pulling, 'ollama:big');
    await settled();
    made.progress({
      phase: 'downloading',
      doneBytes: 2 ** 30,
      totalBytes: 4 * 2 ** 30,
      bytesPerSecond: 2 ** 24,
      remainingMs: 192_000,
    });
    expect(failure(made.pulling, 'ollama:big')).toMatchObject({
      message: expect.stringMatching(/1\.0 GB of 4\.0 GB are here, about 3 min 12 s left/),
      retryAfterSeconds: 30,
    });
  });

  it('says why it could not be had, and tries again with the next request', async () => {
    let tries = 0;
    const { pulling, asked } = scene({
      mayPull: true,
      plan: async () => {
        tries += 1;
        throw new RangeError(`try ${tries}`);
      },
    });
    failure(pulling, 'hf:a/b');
    await settled();
    expect(failure(pulling, 'hf:a/b')).toMatchObject({ message: 'try 1' });
    failure(pulling, 'hf:a/b');
    await settled();
    expect(asked).toHaveLength(2);
  });

  it('asks nobody for names that say no place, and never an address of somebody else', async () => {
    const { pulling, asked } = scene({ mayPull: true });
    expect(pulling.get('local').name).toBe('local');
    for (const name of ['gpt-4', 'org/repo', 'http://127.0.0.1/x.gguf', 'https://example.com/x.gguf'])
      expect(failure(pulling, name)).toMatchObject({ name: 'ModelNotFoundError' });
    await settled();
    expect(asked).toEqual([]);
  });
});
