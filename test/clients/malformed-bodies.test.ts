import { silentLogger, systemClock, type Logger } from '@pippa/core';
import { createGateway } from '@pippa/gateway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness } from '../../packages/chat/test/support/harness.ts';
import { CHATML_CONTROLS, QWEN_TEMPLATE } from '../../packages/chat/test/support/templates.ts';
import { serviceOf } from '../../packages/gateway/test/support/scripted-model.ts';
import { MalformedBodies, postRoutes, randomNumbers, type OpenApiDocument, type PostRoute } from './support/malformed.ts';

/** For each route and each way of being wrong. */
const BODIES = 100;
const AT_ONCE = 8;

const failures: unknown[] = [];
const logger: Logger = { ...silentLogger, error: (fields) => failures.push(fields), child: () => logger };

const harness = new Harness({ template: QWEN_TEMPLATE, controls: CHATML_CONTROLS, end: '<|im_end|>', contextTokens: 20_000 });
harness.speak(['Fine.']);
const model = Object.assign(harness.model, { name: 'tiny' });
const gateway = createGateway({ models: serviceOf(model), logger, clock: systemClock, port: 0, version: '0.0.0' });

let url: string;
let document: OpenApiDocument;
let routes: PostRoute[];

beforeAll(async () => {
  await gateway.start();
  ({ url } = gateway.address());
  document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument;
  routes = postRoutes(document);
});
afterAll(() => gateway.stop());

async function expectAnswer(path: string, body: string | Buffer): Promise<number> {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const text = await response.text();
  const about = `${path} ${body.toString().slice(0, 2000)} -> ${response.status} ${text.slice(0, 500)}`;
  expect(response.status === 200 || (response.status >= 400 && response.status < 500), about).toBe(true);
  expect(text, about).not.toMatch(/internal_error|The server failed|api_error/);
  if (response.status !== 200) expect(JSON.parse(text), about).toHaveProperty('error');
  return response.status;
}

async function all(bodies: readonly (readonly [path: string, body: string | Buffer])[]): Promise<number[]> {
  const waiting = bodies.values();
  const statuses: number[] = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [path, body] of waiting) statuses.push(await expectAnswer(path, body));
    }),
  );
  return statuses;
}

describe('bodies made from the schemas of the API', () => {
  it.each([0, 0.02, 0.1, 0.3])(
    'with a part of %d of them wrong are answered or refused, and never fail the server',
    async (wrongness) => {
      const bodies = routes.flatMap(({ path, schema }, index) => {
        const made = new MalformedBodies(document, randomNumbers(1000 * wrongness + index), wrongness);
        return Array.from({ length: BODIES }, () => [path, JSON.stringify(made.value(schema))] as const);
      });
      expect(bodies.length).toBeGreaterThanOrEqual(1000);
      const statuses = await all(bodies);
      // Not all are refused for the same first fault: some come through to the model.
      expect(statuses).toContain(200);
      expect(failures).toEqual([]);
    },
  );

  it('cut short or with bytes changed are refused', async () => {
    const random = randomNumbers(7);
    const bodies = routes.flatMap(({ path, schema }) =>
      Array.from({ length: BODIES }, () => {
        const bytes = Buffer.from(JSON.stringify(new MalformedBodies(document, random, 0).value(schema)));
        const at = Math.floor(random() * bytes.length);
        if (random() < 0.5) return [path, bytes.subarray(0, at)] as const;
        bytes[at] = Math.floor(random() * 256);
        return [path, bytes] as const;
      }),
    );
    await all(bodies);
    expect(failures).toEqual([]);
    expect(gateway.counters()).toMatchObject({ serverErrors: 0, activeGenerations: 0 });
  });
});

it('a schema that cannot be constrained is refused with its place in it, by every API', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string', format: 'iri' } }, required: ['a'] };
  const messages = [{ role: 'user', content: 'Hello' }];
  const post = async (path: string, body: object): Promise<string> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify({ model: 'tiny', ...body }) });
    expect(response.status).toBe(400);
    return response.text();
  };
  const format = { type: 'json_schema', json_schema: { name: 'x', schema } };
  expect(JSON.parse(await post('/v1/chat/completions', { messages, response_format: format }))).toMatchObject({
    error: { type: 'invalid_request_error', code: 'unsupported_schema', param: '/properties/a/format' },
  });
  const outputs = { output_config: { format: { type: 'json_schema', schema } } };
  for (const text of [
    await post('/v1/messages', { messages, max_tokens: 9, ...outputs }),
    await post('/api/chat', { messages, format: schema }),
    await post('/v1/responses', { input: 'Hello', text: { format: { type: 'json_schema', name: 'x', schema } } }),
  ]) {
    expect(text).toContain('/properties/a/format');
  }
});
