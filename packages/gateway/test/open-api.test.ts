import { describe, expect, it } from 'vitest';
import { startGateway } from './support/test-gateway.ts';

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Record<
    string,
    Record<string, { readonly responses: Record<string, { readonly description: string }>; readonly requestBody?: unknown }>
  >;
  readonly components: {
    readonly schemas: Record<
      string,
      { readonly required?: string[]; readonly properties?: Record<string, Record<string, unknown>> }
    >;
  };
}

const load = async (): Promise<Document> => {
  const { url } = await startGateway();
  const response = await fetch(`${url}/openapi.json`);
  expect(response.status).toBe(200);
  return (await response.json()) as Document;
};

describe('/openapi.json', () => {
  it('is an OpenAPI 3.1 document with every route that the root lists', async () => {
    const { url } = await startGateway();
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
    expect(document.openapi).toBe('3.1.0');
    expect(document.info.version).toBe('1.2.3');
    const { endpoints } = (await (await fetch(url)).json()) as { endpoints: string[] };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(endpoints.sort());
    expect(documented).toEqual([
      'DELETE /api/delete',
      'DELETE /v1/responses/{id}',
      'GET /',
      'GET /api/ps',
      'GET /api/tags',
      'GET /api/version',
      'GET /health',
      'GET /metrics',
      'GET /openapi.json',
      'GET /pippa/v1/traces',
      'GET /pippa/v1/traces/{id}',
      'GET /ready',
      'GET /v1/models',
      'GET /v1/models/{model}',
      'GET /v1/responses/{id}',
      'GET /v1/responses/{id}/input_items',
      'GET /v1/text',
      'POST /api/chat',
      'POST /api/copy',
      'POST /api/create',
      'POST /api/embed',
      'POST /api/embeddings',
      'POST /api/generate',
      'POST /api/pull',
      'POST /api/push',
      'POST /api/show',
      'POST /rerank',
      'POST /v1/chat/completions',
      'POST /v1/completions',
      'POST /v1/embeddings',
      'POST /v1/messages',
      'POST /v1/messages/count_tokens',
      'POST /v1/rerank',
      'POST /v1/responses',
      'POST /v1/responses/input_tokens',
      'POST /v1/responses/{id}/cancel',
      'POST /v1/text/{operation}',
    ]);
  });

  it('resolves all its references and describes every response', async () => {
    const document = await load();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      (match) => match[1] ?? '',
    );
    expect(references.length).toBeGreaterThan(10);
    for (const name of references) expect(document.components.schemas).toHaveProperty(name);
    for (const methods of Object.values(document.paths)) {
      for (const { responses } of Object.values(methods)) {
        expect(Object.keys(responses).length).toBeGreaterThan(0);
        for (const response of Object.values(responses)) expect(response.description).not.toBe('');
      }
    }
  });

  it('says the bounds that requests are checked against', async () => {
    const { components } = await load();
    const chat = components.schemas['ChatCompletionRequest'];
    expect(chat?.required).toEqual(['messages']);
    expect(chat?.properties?.['messages']).toMatchObject({ type: 'array', minItems: 1, maxItems: 4096 });
    expect(chat?.properties?.['n']).toMatchObject({ minimum: 1, maximum: 8 });
    expect(chat?.properties?.['temperature']).toMatchObject({ minimum: 0, maximum: 5 });
    expect(components.schemas['CompletionRequest']?.properties?.['prompt']).toMatchObject({ anyOf: expect.any(Array) });
  });
});
