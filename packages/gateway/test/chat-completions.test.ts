import { InvalidInputError, OverloadedError, StageError, TemplateError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { chatCompletion } from '../src/openai/schemas/responses.ts';
import { failing, logprobOf, playing, saying, SENTENCE } from './support/scripts.ts';
import { hello, startGateway } from './support/test-gateway.ts';

const PATH = '/v1/chat/completions';

describe('a chat completion sent whole', () => {
  it('has the shape of OpenAI, with usage and timings', async () => {
    const { post, model } = await startGateway();
    const response = await post(PATH, hello);
    expect(response.status).toBe(200);
    const body = chatCompletion.strict().parse(await response.json());
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      system_fingerprint: 'pippa-1.2.3',
      choices: [
        { index: 0, message: { role: 'assistant', content: SENTENCE, refusal: null }, logprobs: null, finish_reason: 'stop' },
      ],
      usage: {
        prompt_tokens: 2,
        completion_tokens: 10,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 1 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
      timings: {
        cache_n: 1,
        prompt_n: 1,
        prompt_ms: 10,
        prompt_per_second: 100,
        predicted_n: 10,
        predicted_ms: 20,
        predicted_per_second: 500,
      },
    });
    expect(body.id).toMatch(/^chatcmpl-/);
    expect(model.running).toBe(0);
  });

  it('answers n times with seeds that follow each other', async () => {
    const { post, model } = await startGateway();
    const response = await post(PATH, { ...hello, n: 3, seed: 4_294_967_295, temperature: 1 });
    const body = chatCompletion.parse(await response.json());
    expect(body.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    expect(model.calls.map(({ request }) => request.kind === 'chat' && request.chat.sampler.seed)).toEqual([4_294_967_295, 0, 1]);
    expect(body.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 30, total_tokens: 32 });
  });

  it('gathers reasoning and tool calls', async () => {
    const { post } = await startGateway();
    const tool = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } };
    const response = await post(PATH, { ...hello, tools: [tool] });
    const body = chatCompletion.parse(await response.json());
    expect(body.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        reasoning_content: 'A tool knows.',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }],
      },
    });
    // The model did not say how many of its tokens were reasoning, so nothing is claimed.
    expect(body.usage.completion_tokens_details).toBeUndefined();
  });

  it('reports log probabilities with their alternatives; an impossible one as OpenAI does', async () => {
    const { post } = await startGateway({
      script: playing([{ kind: 'text', text: 'Hé', logprobs: [logprobOf('H', 2), logprobOf('é', 2)] }]),
    });
    const response = await post(PATH, { ...hello, logprobs: true, top_logprobs: 2 });
    const body = chatCompletion.parse(await response.json());
    expect(body.choices[0]?.logprobs?.content[1]).toEqual({
      token: 'é',
      logprob: -0.25,
      bytes: [195, 169],
      top_logprobs: [
        { token: 'é', logprob: -0.25, bytes: [195, 169] },
        { token: ' other', logprob: -9999, bytes: [32, 111, 116, 104, 101, 114] },
      ],
    });
  });

  it('takes the only model there is when none is named, and wants a name when there are more', async () => {
    const one = await startGateway();
    expect((await one.post(PATH, { messages: hello.messages })).status).toBe(200);
    const two = await startGateway({ others: [one.model] });
    const response = await two.post(PATH, { messages: hello.messages });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'model', code: 'missing_required_parameter' } });
  });
});

describe('what a chat request means to the model', () => {
  const ask = async (fields: object) => {
    const { post, model } = await startGateway({ script: saying('ok') });
    const response = await post(PATH, { ...hello, ...fields });
    expect(response.status, await response.clone().text()).toBe(200);
    const request = model.calls[0]?.request;
    if (request?.kind !== 'chat') throw new Error('The model was not asked to chat.');
    return request.chat;
  };

  it('maps sampler fields of OpenAI, llama.cpp and vLLM', async () => {
    const { sampler } = await ask({
      temperature: 0.5,
      top_p: 0.9,
      top_k: -1,
      min_p: 0.1,
      typical_p: 0.7,
      repetition_penalty: 1.1,
      presence_penalty: -2,
      frequency_penalty: 2,
      repeat_last_n: -1,
      logit_bias: { '5': -100, '7': 3 },
      seed: -7,
      ignore_eos: true,
      grammar: 'root ::= "a"',
    });
    expect(sampler).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 0,
      minP: 0.1,
      typicalP: 0.7,
      repeatPenalty: 1.1,
      presencePenalty: -2,
      frequencyPenalty: 2,
      penaltyLastTokens: 2048,
      logitBias: [
        [5, -100],
        [7, 3],
      ],
      seed: 4_294_967_289,
      ignoreEndOfGeneration: true,
      grammar: 'root ::= "a"',
    });
  });

  it('leaves out what is null, -1 for no bound and for a random seed included', async () => {
    const chat = await ask({
      temperature: null,
      stop: null,
      max_tokens: -1,
      seed: -1,
      tools: null,
      response_format: null,
      n: null,
    });
    expect(chat.sampler).toEqual({});
    expect(chat).not.toHaveProperty('maxTokens');
    expect(chat).toMatchObject({ stop: [], tools: [], toolChoice: 'auto', responseFormat: { kind: 'text' } });
  });

  it('prefers max_completion_tokens', async () => {
    expect(await ask({ max_tokens: 5, max_completion_tokens: 3 })).toMatchObject({ maxTokens: 3 });
  });

  it('takes one stop string or several, and drops empty ones', async () => {
    expect(await ask({ stop: 'xx' })).toMatchObject({ stop: ['xx'] });
    expect(await ask({ stop: ['xx', '', 'yy'] })).toMatchObject({ stop: ['xx', 'yy'] });
  });

  it('reads every role, joins text parts, and keeps tool calls and reasoning', async () => {
    const { messages } = await ask({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'developer', content: 'Really.' },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'one' },
            { type: 'text', text: 'two' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'hm',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: { a: 1 } } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: '7' },
        { role: 'function', name: 'f', content: '8' },
      ],
    });
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'developer', content: 'Really.' },
      { role: 'user', name: 'ann', content: 'one\ntwo' },
      { role: 'assistant', content: '', reasoning: 'hm', toolCalls: [{ id: 'c1', name: 'f', arguments: '{"a":1}' }] },
      { role: 'tool', toolCallId: 'c1', content: '7' },
      { role: 'tool', name: 'f', content: '8' },
    ]);
  });

  it('maps tools, the choice among them and parallel calls', async () => {
    const tools = [
      { type: 'function', function: { name: 'f', description: 'does f', parameters: { type: 'object' }, strict: true } },
    ];
    const chat = await ask({ tools, tool_choice: { type: 'function', function: { name: 'f' } }, parallel_tool_calls: false });
    expect(chat).toMatchObject({
      tools: [{ name: 'f', description: 'does f', parameters: { type: 'object' } }],
      toolChoice: { name: 'f' },
      parallelToolCalls: false,
    });
  });

  it('maps response formats', async () => {
    const schema = { type: 'object', properties: { a: { type: 'number' } } };
    expect(await ask({ response_format: { type: 'json_object' } })).toMatchObject({ responseFormat: { kind: 'json' } });
    expect(await ask({ response_format: { type: 'json_object', schema } })).toMatchObject({
      responseFormat: { kind: 'schema', schema },
    });
    expect(await ask({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } })).toMatchObject({
      responseFormat: { kind: 'schema', schema },
    });
  });

  it('hands reasoning effort and template variables to the template', async () => {
    expect(await ask({ reasoning_effort: 'none', chat_template_kwargs: { style: 'short' } })).toMatchObject({
      templateVariables: { reasoning_effort: 'none', enable_thinking: false, style: 'short' },
    });
    expect(await ask({ reasoning_effort: 'low', chat_template_kwargs: { reasoning_effort: 'high' } })).toMatchObject({
      templateVariables: { reasoning_effort: 'high' },
    });
  });

  it('ignores what has no meaning here', async () => {
    const plain = await ask({});
    const fields = {
      user: 'u',
      metadata: { a: 'b' },
      store: true,
      service_tier: 'auto',
      some_new_field: { x: [1] },
      stream_options: null,
    };
    expect(await ask(fields)).toEqual(plain);
  });
});

describe('a chat request that is wrong', () => {
  it.each([
    [{ messages: undefined }, 'messages', 'missing_required_parameter'],
    [{ messages: 'hi' }, 'messages', 'invalid_type'],
    [{ messages: [] }, 'messages', 'array_below_min_length'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', 'missing_required_parameter'],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', 'invalid_type'],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 5 }] }] }, 'messages[0].content[0].text', 'invalid_type'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages[0].content[0].type',
      'unsupported_content',
    ],
    [{ temperature: 'hot' }, 'temperature', 'invalid_type'],
    [{ temperature: 5.1 }, 'temperature', 'decimal_above_max_value'],
    [{ n: 9 }, 'n', 'integer_above_max_value'],
    [{ n: 1.5 }, 'n', 'invalid_type'],
    [{ seed: 1.5 }, 'seed', 'invalid_type'],
    [{ chat_template_kwargs: [] }, 'chat_template_kwargs', 'invalid_type'],
    [{ max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
    [{ stop: Array.from({ length: 17 }, String) }, 'stop', 'array_above_max_length'],
    [{ stop: [1] }, 'stop[0]', 'invalid_type'],
    [{ stop: 5 }, 'stop', 'invalid_type'],
    [{ logit_bias: { x: 1 } }, 'logit_bias.x', 'invalid_value'],
    [{ logit_bias: { 5: 101 } }, 'logit_bias.5', 'integer_above_max_value'],
    [
      { logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, token) => [token, 1])) },
      'logit_bias',
      'object_above_max_properties',
    ],
    [{ top_logprobs: 3 }, 'top_logprobs', 'invalid_value'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'integer_above_max_value'],
    [{ stream: 'yes' }, 'stream', 'invalid_type'],
    [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tools[0].function.name', 'invalid_value'],
    [{ tool_choice: 'required' }, 'tool_choice', 'invalid_value'],
    [{ tool_choice: { type: 'function', function: { name: 'nope' } } }, 'tool_choice', 'invalid_value'],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema', 'missing_required_parameter'],
    [{ response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
    [{ functions: [{ name: 'f' }] }, 'functions', 'unsupported_parameter'],
    [{ web_search_options: {} }, 'web_search_options', 'unsupported_parameter'],
    [{ modalities: ['audio'] }, 'modalities', 'unsupported_value'],
    [{ grammar: 'root ::= "a"', response_format: { type: 'json_object' } }, 'grammar', 'invalid_value'],
  ])('%# names the field and the fault', async (fields, param, code) => {
    const { post, gateway, model } = await startGateway();
    const response = await post(PATH, { ...hello, ...fields });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ type: 'invalid_request_error', param, code });
    expect(error.message.length).toBeLessThan(400);
    expect(model.calls).toHaveLength(0);
    expect(gateway.counters().activeGenerations).toBe(0);
  });

  it('is refused before the elements of an endless list are looked at', async () => {
    const { post } = await startGateway();
    const response = await post(PATH, { ...hello, messages: Array.from({ length: 4097 }, () => hello.messages[0]) });
    expect(await response.json()).toMatchObject({ error: { param: 'messages', code: 'array_above_max_length' } });
  });
});

describe('an error of the model before the first event', () => {
  it.each([
    [new OverloadedError('The queue is full.', 2.4), 503, 'overloaded', 'overloaded_error', '3'],
    [new TemplateError('No system role.'), 400, 'template_failed', 'invalid_request_error', null],
    [new InvalidInputError('Token 5 is unknown.', { path: 'prompt[3]' }), 400, 'invalid_input', 'invalid_request_error', null],
    [new StageError('Stage 1 is gone.', { hint: 'Try again.' }), 500, 'stage_failed', 'server_error', null],
  ])('%s gets its status, streamed or not', async (error, status, code, type, retryAfter) => {
    const { post } = await startGateway({ script: failing(error) });
    for (const stream of [false, true]) {
      const response = await post(PATH, { ...hello, stream });
      expect(response.status).toBe(status);
      expect(response.headers.get('retry-after')).toBe(retryAfter);
      const body = (await response.json()) as { error: { message: string } };
      expect(body).toMatchObject({ error: { code, type } });
      expect(body.error.message).toContain(error.message);
      if (error.hint !== undefined) expect(body.error.message).toContain(error.hint);
    }
  });

  it('says nothing of an unexpected error but where to look', async () => {
    const { post, gateway } = await startGateway({ script: failing(new TypeError('/home/me/secret is undefined')) });
    const response = await post(PATH, hello);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(gateway.counters().serverErrors).toBe(1);
  });

  it('is a 500 when the generation ends without a result', async () => {
    const silent = saying('half');
    const { post } = await startGateway({
      script: async function* cut(request, signal) {
        for await (const event of silent(request, signal)) if (event.kind !== 'finish') yield event;
      },
    });
    expect((await post(PATH, hello)).status).toBe(500);
  });

  it.each([false, true])('tells a prompt that is too long, stream %s', async (stream) => {
    const { post } = await startGateway();
    const content = 'word '.repeat(3000);
    const response = await post(PATH, { ...hello, stream, messages: [{ role: 'user', content }] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' },
    });
  });

  it('names the models there are when the one asked for is unknown', async () => {
    const { post } = await startGateway();
    const response = await post(PATH, { ...hello, model: 'gpt-9' });
    expect(response.status).toBe(404);
    const body = (await response.json()) as { error: { message: string } };
    expect(body).toMatchObject({ error: { type: 'invalid_request_error', param: 'model', code: 'model_not_found' } });
    expect(body.error.message).toContain('tiny');
  });
});
