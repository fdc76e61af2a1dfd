import type { ChatRequest } from '@pippa/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOperation, type TextOperation, type TextOperations } from '../src/index.ts';
import { render } from '../src/text/render.ts';
import { splitText } from '../src/text/split-text.ts';
import { textResponse } from '../src/text/schemas.ts';
import { embeddingModel, FakeEmbedder } from './support/fake-embedder.ts';
import { promptTokens, ScriptedModel, usageOf } from './support/scripted-model.ts';
import type { Script } from './support/scripted-model.ts';
import { failing, hanging, lastText, playing } from './support/scripts.ts';
import { parseEvents, StreamReader } from './support/sse.ts';
import { startGateway } from './support/test-gateway.ts';

const operation = (name: string, content: object): TextOperation =>
  readOperation(name, 'shipped', { description: name, prompt: '{{text}}', ...content });

const OPERATIONS: TextOperations = {
  list: () => ({
    operations: [
      operation('upper', { system: 'Make it loud.', temperature: 0, long: 'each' }),
      operation('translate', {
        prompt: 'Into {{to}}: {{text}}',
        variables: { to: { default: 'English', description: 'language' } },
        examples: [{ text: 'Haus', result: 'house' }],
      }),
      operation('answer', { prompt: '{{question}}? {{text}}', variables: { question: {} } }),
      operation('sum', { long: 'reduce', model: 'tiny' }),
    ],
    problems: [{ file: 'broken.toml', message: 'line 1: nonsense' }],
  }),
};

/** Says the last message in capitals, between blanks, after some thinking. */
const loud: Script = async function* shout(request) {
  yield { kind: 'reasoning', text: 'hm' };
  yield { kind: 'text', text: '\n ' };
  for (const text of lastText(request)
    .toUpperCase()
    .split(/(?<= )/))
    yield { kind: 'text', text };
  yield { kind: 'text', text: '  \n' };
  yield { kind: 'finish', reason: 'stop', usage: usageOf(request, 3) };
};

const start = (script: Script = loud, options: Parameters<typeof startGateway>[0] = {}) =>
  startGateway({ script, operations: OPERATIONS, ...options });

const plain = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  body,
  headers: { 'content-type': 'text/plain', ...headers },
});
const chatOf = (model: ScriptedModel, call = 0): ChatRequest => {
  const request = model.calls[call]?.request;
  if (request?.kind !== 'chat') throw new Error('no chat');
  return request.chat;
};

describe('plain text', () => {
  it('comes back worked on, without what stands around it', async () => {
    const { post, model } = await start();
    const response = await post('/v1/text/upper', '', plain('hello you'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; ?charset=utf-8$/i);
    expect(await response.text()).toBe('HELLO YOU');
    expect(chatOf(model)).toMatchObject({
      messages: [
        { role: 'system', content: 'Make it loud.' },
        { role: 'user', content: 'hello you' },
      ],
      sampler: { temperature: 0 },
      lane: 'interactive',
      templateVariables: { enable_thinking: false },
    });
  });

  it.each(['application/x-www-form-urlencoded', 'text/markdown; charset=utf-8', ''])('may be sent as %j', async (type) => {
    const { url } = await start();
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    const response = await fetch(`${url}/v1/text/upper`, { method: 'POST', headers, body: new TextEncoder().encode('a=b&c') });
    expect(await response.text()).toBe('A=B&C');
  });

  it('takes variables and settings from the query, and shows examples to the model', async () => {
    const { post, model } = await start();
    const path = '/v1/text/translate?to=German%20%26%20more&temperature=0.5&seed=7&max_tokens=50&model=tiny';
    await (await post(path, '', plain('the {{to}} house'))).text();
    expect(chatOf(model)).toMatchObject({
      messages: [
        { role: 'user', content: 'Into German & more: Haus' },
        { role: 'assistant', content: 'house' },
        { role: 'user', content: 'Into German & more: the {{to}} house' },
      ],
      sampler: { temperature: 0.5, seed: 7 },
      maxTokens: 50,
    });
  });

  it('is streamed as it comes', async () => {
    const { post } = await start(
      playing([
        { kind: 'text', text: ' One' },
        { kind: 'text', text: ' two ' },
        { kind: 'text', text: 'three ' },
      ]),
    );
    const response = await post('/v1/text/upper?stream=true', '', plain('x'));
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe('One two three');
  });

  it('that fails in the middle is broken off, not ended', async () => {
    const seen = Promise.withResolvers<void>();
    const { post, idle } = await start(async function* fail() {
      yield { kind: 'text', text: 'Half' };
      await seen.promise;
      throw new Error('broken');
    });
    const response = await post('/v1/text/upper?stream', '', plain('x'));
    const reader = new StreamReader(response);
    await reader.until('Half');
    seen.resolve();
    await expect(reader.rest()).rejects.toThrow();
    await idle();
  });

  it('stops the model when its client leaves', async () => {
    const { post, model, idle } = await start(hanging);
    const controller = new AbortController();
    const response = await post('/v1/text/upper?stream=1', '', { ...plain('x'), signal: controller.signal });
    await new StreamReader(response).until('Wait');
    controller.abort();
    await idle();
    expect(model.running).toBe(0);
  });

  it.each<[what: string, path: string, init: RequestInit, status: number, code: string]>([
    ['an unknown operation', '/v1/text/uper', plain('x'), 404, 'operation_not_found'],
    ['a broken operation', '/v1/text/broken', plain('x'), 404, 'operation_not_found'],
    ['too long a chain', `/v1/text/${new Array(9).fill('upper').join('+')}`, plain('x'), 404, 'operation_not_found'],
    ['an unknown variable', '/v1/text/translate?too=German', plain('x'), 400, 'unknown_parameter'],
    ['a missing variable', '/v1/text/answer', plain('x'), 400, 'missing_required_parameter'],
    ['a wrong setting', '/v1/text/upper?temperature=hot', plain('x'), 400, 'invalid_type'],
    ['no text', '/v1/text/upper', plain(' \n'), 400, 'empty_body'],
    ['an unknown model', '/v1/text/upper?model=none', plain('x'), 404, 'model_not_found'],
    ['a picture', '/v1/text/upper', plain('x', { 'content-type': 'image/png' }), 415, 'unsupported_media_type'],
    ['a text that does not fit', '/v1/text/translate', plain('x '.repeat(3000)), 400, 'context_length_exceeded'],
  ])('is refused with %s', async (_what, path, init, status, code) => {
    const { post } = await start();
    const response = await post(path, '', init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code } });
  });
});

describe('a chain', () => {
  it.each(['upper+translate', 'upper%2Btranslate', 'upper,translate'])('%s gives what one made to the next', async (path) => {
    const { post, model } = await start();
    expect(await (await post(`/v1/text/${path}?to=German`, '', plain('hello'))).text()).toBe('INTO GERMAN: HELLO');
    expect(model.calls).toHaveLength(2);
  });

  it('takes variables for one of its operations alone', async () => {
    const { post } = await start();
    const response = await post('/v1/text/translate+translate?translate.to=French&to=German', '', plain('x'));
    expect(await response.text()).toBe('INTO FRENCH: INTO FRENCH: X');
  });
});

describe('JSON', () => {
  it('gets JSON back, with what was used', async () => {
    const { post } = await start();
    const response = await post('/v1/text/translate', { input: 'hello', variables: { to: 'German' }, model: 'tiny' });
    expect(textResponse.strict().parse(await response.json())).toEqual({
      object: 'text',
      operation: 'translate',
      model: 'tiny',
      output: 'INTO GERMAN: HELLO',
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
  });

  it('works on many texts side by side, each in its place', async () => {
    const { post, model } = await start();
    const input = Array.from({ length: 20 }, (_, index) => `text ${index}`);
    const response = await post('/v1/text/upper', { input });
    expect(await response.json()).toMatchObject({ outputs: input.map((text) => text.toUpperCase()) });
    expect(chatOf(model).lane).toBe('batch');
  });

  it('is streamed as events, which tell a failure too', async () => {
    const { post, model } = await start();
    const response = await post('/v1/text/upper', { input: ['a b', 'c'], stream: true });
    const events = parseEvents(await response.text());
    expect(events.at(-1)).toBe('[DONE]');
    const pieces = events.slice(0, -2).map((data) => JSON.parse(data) as { index: number; delta: string });
    for (const [index, text] of ['A B', 'C'].entries()) {
      expect(
        pieces
          .filter((piece) => piece.index === index)
          .map(({ delta }) => delta)
          .join(''),
      ).toBe(text);
    }
    expect(JSON.parse(events.at(-2) ?? '')).toMatchObject({ usage: { completion_tokens: 6 } });
    model.script = failing(new Error('broken'), 'Half');
    const failed = parseEvents(await (await post('/v1/text/upper', { input: 'x', stream: true })).text());
    expect(failed).toHaveLength(2);
    expect(JSON.parse(failed[1] ?? '')).toMatchObject({ error: { code: 'internal_error' } });
  });

  it('may be asked for by plain text, and plain text by JSON', async () => {
    const { post } = await start();
    const json = await post('/v1/text/upper', '', plain('x', { accept: 'application/json' }));
    expect(await json.json()).toMatchObject({ output: 'X' });
    const text = await post(
      '/v1/text/upper',
      { input: 'x' },
      { headers: { 'content-type': 'application/json', accept: 'text/plain' } },
    );
    expect(await text.text()).toBe('X');
  });

  it('begins nothing new after a failure', async () => {
    const { post, model } = await start(failing(new Error('broken')), { limits: { parallelGenerations: 2 } });
    const response = await post('/v1/text/upper', { input: new Array(50).fill('x') });
    expect(response.status).toBe(500);
    expect(model.calls.length).toBeLessThanOrEqual(2);
  });
});

describe('a long text', () => {
  /** Counts words; holds 40. */
  class SmallModel extends ScriptedModel {
    override readonly contextTokens = 40;
    override async countPromptTokens(request: ChatRequest): Promise<number> {
      return promptTokens({ kind: 'chat', chat: request });
    }
  }
  const startSmall = (script: Script) => {
    const small = new SmallModel('small', script);
    return { small, started: start(loud, { others: [small] }) };
  };
  const paragraphs = Array.from({ length: 6 }, (_, index) => `Paragraph ${index} ${'word '.repeat(8)}ends.`);

  it('is worked on in parts, at paragraph borders, and put together as it was', async () => {
    const { small, started } = startSmall(loud);
    const { post } = await started;
    const text = paragraphs.join('\n\n\n');
    const response = await post('/v1/text/upper?model=small', '', plain(text));
    expect(await response.text()).toBe(text.toUpperCase());
    expect(small.calls.length).toBeGreaterThan(2);
    for (let call = 0; call < small.calls.length; call++) {
      expect(chatOf(small, call).messages.at(-1)?.content).toMatch(/^Paragraph.*ends\.$/s);
    }
  });

  it('is reduced until the results fit together', async () => {
    const { small, started } = startSmall(async function* reduce(request) {
      const words = lastText(request).split(/\s+/);
      yield { kind: 'text', text: words.slice(0, 2).join(' ') };
      yield { kind: 'finish', reason: 'stop', usage: usageOf(request, 2) };
    });
    const { post } = await started;
    const response = await post('/v1/text/sum?model=small', '', plain(paragraphs.join('\n\n')));
    expect(await response.text()).toBe('Paragraph 0');
    const last = small.calls.at(-1)?.request;
    expect(last?.kind === 'chat' ? last.chat.messages.at(-1)?.content : '').toBe(
      paragraphs.map((_, index) => `Paragraph ${index}`).join('\n\n'),
    );
  });

  it('is never cut so that something is lost', () => {
    const texts = fc.array(fc.oneof(fc.string(), fc.constantFrom('\n\n', '\n', '. ', ' ', '🏠', 'word')), { maxLength: 60 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 2, max: 40 }), (pieces, maxChars) => {
        const text = pieces.join('');
        const parts = splitText(text, maxChars);
        expect(parts.map((part) => part.text + part.separator).join('')).toBe(text);
        for (const part of parts) expect(part.text.length).toBeLessThanOrEqual(maxChars);
      }),
    );
  });
});

describe('the model of an operation', () => {
  const named = async (path: string, others: Parameters<typeof start>[1]) => {
    const { post } = await start(loud, others);
    return (await (await post(path, { input: 'x' })).json()) as { model: string };
  };

  it('is the one asked for, or its own, or the first that writes', async () => {
    const others = [new ScriptedModel('other', loud)];
    expect(await named('/v1/text/upper?model=other', { others })).toMatchObject({ model: 'other' });
    expect(await named('/v1/text/sum', { others })).toMatchObject({ model: 'tiny' });
    const vectors = embeddingModel('vectors', new FakeEmbedder());
    const tiny = new ScriptedModel('tiny', loud);
    const models = { list: () => [vectors, tiny], get: () => tiny };
    expect(await named('/v1/text/upper', { models })).toMatchObject({ model: 'tiny' });
  });
});

describe('GET /v1/text', () => {
  it('lists the operations with their variables, and the files that are none', async () => {
    const { url } = await start();
    const list = (await (await fetch(`${url}/v1/text`)).json()) as { data: { name: string }[]; problems: object[] };
    expect(list.data.map(({ name }) => name)).toEqual(['upper', 'translate', 'answer', 'sum']);
    expect(list.data[1]).toEqual({
      name: 'translate',
      description: 'translate',
      source: 'shipped',
      variables: [{ name: 'to', description: 'language', default: 'English' }],
    });
    expect(list.problems).toEqual([{ file: 'broken.toml', message: 'line 1: nonsense' }]);
  });
});

describe('the definition of an operation', () => {
  it.each<[what: string, name: string, content: object, message: RegExp]>([
    ['without a description', 'x', { prompt: '{{text}}' }, /description/],
    ['without a place for the text', 'x', { description: 'd', prompt: 'Hello' }, /has no \{\{text\}\}/],
    ['with an unknown variable', 'x', { description: 'd', prompt: '{{text}} {{too}}' }, /\{\{too\}\} is not among the variables/],
    ['with a reserved variable', 'x', { description: 'd', prompt: '{{text}}', variables: { model: {} } }, /variables\.model/],
    ['with an unknown entry', 'x', { description: 'd', prompt: '{{text}}', promt: 'x' }, /promt/],
    ['with a wrong type', 'x', { description: 'd', prompt: '{{text}}', temperature: 'hot' }, /temperature/],
    ['with a wrong name', 'X Y', { description: 'd', prompt: '{{text}}' }, /cannot be the name/],
  ])('%s is refused', (_what, name, content, message) => {
    expect(() => readOperation(name, 'file', content)).toThrow(message);
  });

  it('puts values in once, whatever they hold', () => {
    expect(render('{{ to }} {{text}} {{other}}', { to: '{{text}}', text: 'x' })).toBe('{{text}} x {{other}}');
  });
});
