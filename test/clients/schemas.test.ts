import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type ServedModel } from '@pippa/core';
import { writeTinyModel } from '@pippa/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel, type OpenedModel } from '../../agent/src/open-model.ts';
import { schemas, type JsonSchema } from './support/schema-arbitrary.ts';

const SCHEMAS = 500;
/** Random models of different weights; each answers for its part of the schemas. */
const MODEL_SEEDS = [1, 2, 3, 4];
const AT_ONCE = 16;
const MAX_TOKENS = 600;

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

const given = fc.sample(schemas, { numRuns: SCHEMAS, seed: 20_261_125 });

describe.each(MODEL_SEEDS)('a random model (seed %i)', (seed) => {
  let folder: string;
  let opened: OpenedModel;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pippa-schemas-'));
    const path = join(folder, 'random.gguf');
    await writeTinyModel(path, {
      layers: 1,
      embeddingLength: 32,
      heads: 2,
      kvHeads: 1,
      feedForwardLength: 32,
      vocabularySize: 320,
      seed,
    });
    const options = { contextTokens: 1024, parallelSequences: AT_ONCE, threads: 1, stages: 1, budgetBytes: 1 << 30 };
    opened = await openModel(path, { ...options, shardDirectory: folder, logger: silentLogger });
  });
  afterAll(async () => {
    await opened.stop();
    await rm(folder, { recursive: true });
  });

  const own = given.filter((_, index) => index % MODEL_SEEDS.length === MODEL_SEEDS.indexOf(seed));

  it(`can say nothing but what fits the schema, for each of ${own.length}`, async () => {
    const waiting = own.entries();
    const texts: string[] = [];
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const [index, schema] of waiting) texts.push(await expectFit(opened.served, schema, index));
      }),
    );
    expect(texts).toHaveLength(own.length);
    // It is the model that chooses: its answers are not all the least there is.
    expect(new Set(texts).size).toBeGreaterThan(own.length / 2);
  });
});

async function expectFit(model: ServedModel, schema: JsonSchema, seed: number): Promise<string> {
  const about = JSON.stringify(schema);
  let text = '';
  let reason = '';
  const request = {
    messages: [{ role: 'user', content: 'x' }],
    tools: [],
    toolChoice: 'none',
    responseFormat: { kind: 'schema', schema },
    sampler: { temperature: 1, topK: 0, topP: 1, minP: 0, seed },
    maxTokens: MAX_TOKENS,
    stop: [],
    lane: 'interactive',
  } as const;
  for await (const event of model.chat(request, { signal: new AbortController().signal })) {
    if (event.kind === 'text') text += event.text;
    if (event.kind === 'finish') reason = event.reason;
  }
  expect(reason, `${about} -> ${text}`).toBe('stop');
  const value: unknown = JSON.parse(text);
  const validate = ajv.compile(schema);
  if (!validate(value)) throw new Error(`${about} -> ${text}: ${ajv.errorsText(validate.errors)}`);
  return text;
}
