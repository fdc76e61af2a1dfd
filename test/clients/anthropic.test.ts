import Anthropic, { APIError, AuthenticationError, InternalServerError } from '@anthropic-ai/sdk';
import { OverloadedError, StageError } from '@pippa/core';
import type { GatewayOptions } from '@pippa/gateway';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Script } from '../../packages/gateway/test/support/scripted-model.ts';
import { failing, playing, sentence } from '../../packages/gateway/test/support/scripts.ts';
import { describeAnthropicClient } from './anthropic-suite.ts';
import { demo, SCRIPTED, startScripted } from './support/targets.ts';

for (const suite of [SCRIPTED, demo(1), demo(3)]) describeAnthropicClient(suite);

const setUp = async (script: Script, options: Partial<GatewayOptions> = {}) => {
  const target = await startScripted(script, options);
  onTestFinished(() => target.stop());
  return { ...target, client: new Anthropic({ baseURL: target.url, apiKey: 'secret', maxRetries: 0 }) };
};
const request = { model: 'org/scripted:Q4_0', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hello' }] };

describe('thinking', () => {
  const thoughtful = playing([
    { kind: 'reasoning', text: 'They ' },
    { kind: 'reasoning', text: 'greet.' },
    { kind: 'text', text: 'Hello!' },
  ]);

  it('comes as blocks of its own when it is asked for, signed, and goes back to the model', async () => {
    const { client, scripted } = await setUp(thoughtful);
    const asked = { ...request, max_tokens: 4000, thinking: { type: 'enabled' as const, budget_tokens: 2000 } };
    const message = await client.messages.create(asked);
    expect(message.content).toEqual([
      { type: 'thinking', thinking: 'They greet.', signature: expect.stringMatching(/.{20}/) },
      { type: 'text', text: 'Hello!', citations: null },
    ]);
    const streamed = await client.messages.stream(asked).finalMessage();
    expect(streamed.content).toEqual(message.content);
    await client.messages.create({
      ...asked,
      messages: [...asked.messages, { role: 'assistant', content: message.content }, { role: 'user', content: 'Bye' }],
    });
    const sent = scripted.calls.at(-1)?.request;
    expect(sent?.kind === 'chat' ? sent.chat.messages[1] : undefined).toEqual({
      role: 'assistant',
      content: 'Hello!',
      reasoning: 'They greet.',
    });
    expect(sent?.kind === 'chat' ? sent.chat.templateVariables : undefined).toEqual({ enable_thinking: true });
  });

  it('is turned off, and never shown, when it is not', async () => {
    const { client, scripted } = await setUp(thoughtful);
    const message = await client.messages.create(request);
    expect(message.content).toEqual([{ type: 'text', text: 'Hello!', citations: null }]);
    const sent = scripted.calls[0]?.request;
    expect(sent?.kind === 'chat' ? sent.chat.templateVariables : undefined).toEqual({ enable_thinking: false });
  });
});

describe('what a coding agent sends', () => {
  it('is read as it was meant', async () => {
    const { client, scripted } = await setUp(sentence);
    await client.beta.messages.create({
      ...request,
      betas: ['interleaved-thinking-2025-05-14'],
      metadata: { user_id: 'user_1' },
      system: [
        { type: 'text', text: 'You are a coding agent.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Be brief.' },
      ],
      tools: [
        {
          name: 'Bash',
          description: 'Runs a command',
          input_schema: { type: 'object', properties: { command: { type: 'string' } } },
        },
      ],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'List the files' }] },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } },
            { type: 'tool_use', id: 'toolu_2', name: 'Bash', input: { command: 'pwd' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [{ type: 'text', text: 'a.ts' }],
              cache_control: { type: 'ephemeral' },
            },
            { type: 'tool_result', tool_use_id: 'toolu_2', content: 'no such command', is_error: true },
            { type: 'text', text: 'Go on' },
          ],
        },
      ],
    });
    const sent = scripted.calls[0]?.request;
    expect(sent?.kind === 'chat' ? sent.chat.messages : undefined).toEqual([
      { role: 'system', content: 'You are a coding agent.\nBe brief.' },
      { role: 'user', content: 'List the files' },
      {
        role: 'assistant',
        content: 'I look.',
        toolCalls: [
          { id: 'toolu_1', name: 'Bash', arguments: '{"command":"ls"}' },
          { id: 'toolu_2', name: 'Bash', arguments: '{"command":"pwd"}' },
        ],
      },
      { role: 'tool', content: 'a.ts', toolCallId: 'toolu_1' },
      { role: 'tool', content: 'Error: no such command', toolCallId: 'toolu_2' },
      { role: 'user', content: 'Go on' },
    ]);
  });

  it('is refused with the place of what no model here reads', async () => {
    const { client } = await setUp(sentence);
    const image = { type: 'image' as const, source: { type: 'url' as const, url: 'http://localhost/a.png' } };
    await expect(client.messages.create({ ...request, messages: [{ role: 'user', content: [image] }] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('messages[0].content[0]'),
    });
    await expect(
      client.messages.create({ ...request, tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
    ).rejects.toMatchObject({ status: 400, message: expect.stringContaining('web_search_20250305') });
    const servers = { mcp_servers: [{ type: 'url' as const, name: 'x', url: 'http://localhost' }] };
    await expect(client.messages.create({ ...request, ...servers })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('mcp_servers'),
    });
  });
});

describe('the anthropic client against failures', () => {
  it('takes its key from x-api-key, and gets its AuthenticationError for a wrong one', async () => {
    const { client } = await setUp(sentence, { apiKey: 'secret' });
    expect((await client.messages.create(request)).role).toBe('assistant');
    const wrong = await client
      .withOptions({ apiKey: 'wrong' })
      .messages.create(request)
      .catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(AuthenticationError);
    expect(wrong).toMatchObject({ type: 'authentication_error' });
  });

  it('gets an api_error when a stage fails, and tries again when the queue was full', async () => {
    const { client } = await setUp(failing(new StageError('Stage 1 is gone.')));
    const failure = await client.messages.create(request).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InternalServerError);
    expect(failure).toMatchObject({ status: 500, type: 'api_error', message: expect.stringContaining('Stage 1 is gone.') });

    const attempts = { count: 0 };
    const busy = await setUp(async function* full(scripted, signal) {
      if (attempts.count++ === 0) throw new OverloadedError('The queue is full.', 0.02);
      yield* sentence(scripted, signal);
    });
    expect((await busy.client.messages.create(request, { maxRetries: 1 })).role).toBe('assistant');
    attempts.count = 0;
    await expect(busy.client.messages.create(request)).rejects.toMatchObject({ status: 529, type: 'overloaded_error' });
  });

  it('gets an error event out of a stream that fails in the middle', async () => {
    const { client } = await setUp(failing(new StageError('Stage 1 is gone.'), 'Half'));
    let text = '';
    const failure = await (async () => {
      for await (const event of await client.messages.create({ ...request, stream: true })) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
      }
    })().catch((error: unknown) => error);
    expect(text).toBe('Half');
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ error: { error: { type: 'api_error', message: 'Stage 1 is gone.' } } });
  });
});
