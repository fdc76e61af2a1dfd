import { InvalidInputError, StageError } from '@pippa/core';
import type { GatewayOptions, ModelPuller } from '@pippa/gateway';
import { Ollama } from 'ollama';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Script } from '../../packages/gateway/test/support/scripted-model.ts';
import { failing, playing, sentence } from '../../packages/gateway/test/support/scripts.ts';
import { describeOllamaClient } from './ollama-suite.ts';
import { demo, SCRIPTED, startScripted } from './support/targets.ts';

for (const suite of [SCRIPTED, demo(1), demo(3)]) describeOllamaClient(suite);

const MODEL = 'org/scripted:Q4_0';
const messages = [{ role: 'user', content: 'Hello' }];
const setUp = async (script: Script, options: Partial<GatewayOptions> = {}) => {
  const target = await startScripted(script, options);
  onTestFinished(() => target.stop());
  return { ...target, client: new Ollama({ host: target.url }) };
};

describe('thinking', () => {
  const thoughtful = playing([
    { kind: 'reasoning', text: 'They greet.' },
    { kind: 'text', text: 'Hello!' },
  ]);

  it.each([undefined, true, 'high'] as const)('%s is shown beside the answer', async (think) => {
    const { client, scripted } = await setUp(thoughtful);
    const request = { model: MODEL, messages, ...(think === undefined ? {} : { think }) };
    const { message } = await client.chat(request);
    expect(message).toEqual({ role: 'assistant', content: 'Hello!', thinking: 'They greet.' });
    let thinking = '';
    for await (const line of await client.chat({ ...request, stream: true })) thinking += line.message.thinking ?? '';
    expect(thinking).toBe('They greet.');
    const sent = scripted.calls[0]?.request;
    const variables = { enable_thinking: true, ...(think === 'high' ? { reasoning_effort: 'high' } : {}) };
    expect(sent?.kind === 'chat' ? sent.chat.templateVariables : undefined).toEqual(think === undefined ? undefined : variables);
  });

  it('false is told to the model and hidden', async () => {
    const { client, scripted } = await setUp(thoughtful);
    expect((await client.generate({ model: MODEL, prompt: 'Hello', think: false })).thinking).toBeUndefined();
    const sent = scripted.calls[0]?.request;
    expect(sent?.kind === 'chat' ? sent.chat.templateVariables : undefined).toEqual({ enable_thinking: false });
  });
});

describe('what clients send', () => {
  it('is read as it was meant: several calls, and results by the names of their tools', async () => {
    const { client, scripted } = await setUp(sentence);
    const call = (name: string, city: string) => ({ function: { name, arguments: { city } } });
    await client.chat({
      model: MODEL,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Weather and time in Paris?' },
        { role: 'assistant', content: '', thinking: 'Two tools.', tool_calls: [call('weather', 'Paris'), call('time', 'Paris')] },
        { role: 'tool', content: 'noon', tool_name: 'time' },
        { role: 'tool', content: 'clear' },
      ],
      options: { num_ctx: 4096, num_gpu: 99, top_k: 20, repeat_last_n: -1, num_predict: -1, stop: ['END'] },
    });
    const sent = scripted.calls[0]?.request;
    expect(sent?.kind === 'chat' ? sent.chat : undefined).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Weather and time in Paris?' },
        {
          role: 'assistant',
          content: '',
          reasoning: 'Two tools.',
          toolCalls: [
            { id: 'call_2_0', name: 'weather', arguments: '{"city":"Paris"}' },
            { id: 'call_2_1', name: 'time', arguments: '{"city":"Paris"}' },
          ],
        },
        { role: 'tool', content: 'noon', toolCallId: 'call_2_1', name: 'time' },
        { role: 'tool', content: 'clear', toolCallId: 'call_2_0', name: 'weather' },
      ],
      sampler: { topK: 20, penaltyLastTokens: 2048 },
      stop: ['END'],
    });
    expect(sent?.kind === 'chat' ? sent.chat.maxTokens : 0).toBeUndefined();
  });

  it('generates from a system prompt, or from both sides of a gap', async () => {
    const { client, scripted } = await setUp(sentence);
    await client.generate({ model: MODEL, prompt: 'Hello', system: 'Be brief.' });
    await client.generate({ model: MODEL, prompt: 'def f(', suffix: 'return x' });
    expect(
      scripted.calls.map(({ request }) => (request.kind === 'chat' ? request.chat.messages : request.completion)),
    ).toMatchObject([
      [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello' },
      ],
      { prompt: 'def f(', suffix: 'return x', echo: false },
    ]);
  });

  it.each([
    [{ prompt: 'a', images: ['aGk='] }, 'images'],
    [{ prompt: 'a', template: '{{ .Prompt }}' }, 'template'],
    [{ prompt: 'a', context: [1, 2] }, 'context'],
    [{ prompt: 'a', raw: true, format: 'json' }, 'format'],
    [{ prompt: '', keep_alive: 0 }, 'Models are not unloaded'],
  ])('is refused where nothing here does it: %j', async (fields, words) => {
    const { client } = await setUp(sentence);
    await expect(client.generate({ model: MODEL, ...fields })).rejects.toMatchObject({
      status_code: 400,
      message: expect.stringContaining(words),
    });
  });
});

describe('changing models', () => {
  const puller = (fail?: Error): ModelPuller => ({
    async *pull(name) {
      yield { status: `pulling ${name}` };
      yield { status: 'downloading', digest: 'sha256:ab', totalBytes: 100, completedBytes: 50 };
      await Promise.resolve();
      if (fail !== undefined) throw fail;
    },
  });

  it('shows how fetching goes on', async () => {
    const { client } = await setUp(sentence, { puller: puller() });
    const lines: object[] = [];
    for await (const line of await client.pull({ model: 'qwen3:8b', stream: true })) lines.push(line);
    expect(lines).toEqual([
      { status: 'pulling qwen3:8b' },
      { status: 'downloading', digest: 'sha256:ab', total: 100, completed: 50 },
      { status: 'success' },
    ]);
    expect(await client.pull({ model: 'qwen3:8b' })).toEqual({ status: 'success' });
  });

  it('says why fetching failed, before or in the middle', async () => {
    const { client } = await setUp(sentence, { puller: puller(new InvalidInputError('There is no such model.')) });
    await expect(client.pull({ model: 'nope' })).rejects.toMatchObject({ message: expect.stringContaining('no such model') });
    const streamed = (async () => {
      for await (const _ of await client.pull({ model: 'nope', stream: true }));
    })();
    await expect(streamed).rejects.toThrow(/no such model/);
  });

  it('is refused with what to do instead', async () => {
    const { client } = await setUp(sentence);
    await expect(client.pull({ model: 'qwen3' })).rejects.toMatchObject({ status_code: 400 });
    await expect(client.delete({ model: MODEL })).rejects.toMatchObject({ message: expect.stringContaining('Delete the file') });
    await expect(client.copy({ source: MODEL, destination: 'x' })).rejects.toMatchObject({ status_code: 400 });
    await expect(client.create({ model: 'x', from: MODEL })).rejects.toMatchObject({ status_code: 400 });
    await expect(client.push({ model: MODEL })).rejects.toMatchObject({ status_code: 400 });
  });
});

describe('the ollama client against failures', () => {
  it('gets the words of a stage that fails, before the answer or in the middle of it', async () => {
    const { client } = await setUp(failing(new StageError('Stage 1 is gone.')));
    await expect(client.chat({ model: MODEL, messages })).rejects.toMatchObject({
      status_code: 500,
      message: expect.stringContaining('Stage 1'),
    });
    const half = await setUp(failing(new StageError('Stage 1 is gone.'), 'Half'));
    let text = '';
    const streamed = (async () => {
      for await (const line of await half.client.chat({ model: MODEL, messages, stream: true })) text += line.message.content;
    })();
    await expect(streamed).rejects.toThrow('Stage 1 is gone.');
    expect(text).toBe('Half');
  });
});
