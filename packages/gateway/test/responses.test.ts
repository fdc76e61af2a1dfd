import { StageError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { failing, playing, sentence } from './support/scripts.ts';
import { startGateway } from './support/test-gateway.ts';

const PATH = '/v1/responses';
const ask = { model: 'tiny', input: 'Hello there' };

interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

const eventsOf = async (response: Response): Promise<Event[]> =>
  (await response.text())
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [name = '', data = ''] = block.split('\n');
      const event = JSON.parse(data.slice('data: '.length)) as Event;
      expect(name).toBe(`event: ${event.type}`);
      return event;
    });

const mixed = playing(
  [
    { kind: 'reasoning', text: 'A tool ' },
    { kind: 'reasoning', text: 'knows.' },
    { kind: 'text', text: 'Let me ' },
    { kind: 'text', text: 'look.' },
    { kind: 'tool_call', index: 0, id: 'call_1', name: 'get_weather', argumentsDelta: '' },
    { kind: 'tool_call', index: 0, argumentsDelta: '{"city":' },
    { kind: 'tool_call', index: 0, argumentsDelta: '"Paris"}' },
    { kind: 'tool_call', index: 1, id: 'call_2', name: 'get_time', argumentsDelta: '{}' },
  ],
  'tool_calls',
);

describe('/v1/responses', () => {
  it('streams every item with its beginning, pieces and end, counted in order', async () => {
    const { post } = await startGateway({ script: mixed });
    const events = await eventsOf(await post(PATH, { ...ask, stream: true }));
    const told = events.map(({ type }) => type.replace('response.', ''));
    expect(told.join(' ')).toBe(
      [
        'created in_progress',
        'output_item.added content_part.added reasoning_text.delta reasoning_text.delta',
        'reasoning_text.done content_part.done output_item.done',
        'output_item.added content_part.added output_text.delta output_text.delta',
        'output_text.done content_part.done output_item.done',
        'output_item.added function_call_arguments.delta function_call_arguments.delta',
        'function_call_arguments.done output_item.done',
        'output_item.added function_call_arguments.delta function_call_arguments.done output_item.done',
        'completed',
      ].join(' '),
    );
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    const done = events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
    expect(done).toMatchObject([
      { type: 'reasoning', status: 'completed', content: [{ type: 'reasoning_text', text: 'A tool knows.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Let me look.', annotations: [] }] },
      { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
      { type: 'function_call', call_id: 'call_2', name: 'get_time', arguments: '{}' },
    ]);
    expect(events.at(-1)).toMatchObject({ response: { status: 'completed', output: done, usage: { input_tokens: 2 } } });
    // Every piece names the item that it belongs to.
    const ids = new Set(events.flatMap((event) => (typeof event['item_id'] === 'string' ? [event['item_id']] : [])));
    expect([...ids]).toEqual((done as { id: string }[]).map(({ id }) => id));
  });

  it('answers whole with what was asked, and with the limits that were met', async () => {
    const { post } = await startGateway();
    const response = await post(PATH, {
      ...ask,
      instructions: 'Be brief.',
      max_output_tokens: 3,
      metadata: { a: 'b' },
      temperature: 0,
    });
    expect(await response.json()).toMatchObject({
      id: expect.stringMatching(/^resp_[0-9a-f]{48}$/),
      object: 'response',
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      model: 'tiny',
      output: [{ type: 'message', status: 'incomplete', content: [{ text: 'Bees build their' }] }],
      usage: { output_tokens: 3, input_tokens_details: { cached_tokens: 1 } },
    });
  });

  it('goes on from a response, with what was said and called, but not with its instructions', async () => {
    const { post, model } = await startGateway({ script: mixed });
    const first = (await (await post(PATH, { ...ask, instructions: 'Be brief.' })).json()) as { id: string };
    model.script = sentence;
    const outputs = [
      { type: 'function_call_output', call_id: 'call_1', output: 'clear' },
      { type: 'function_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'noon' }] },
    ];
    const second = (await (await post(PATH, { model: 'tiny', input: outputs, previous_response_id: first.id })).json()) as {
      id: string;
    };
    await (await post(PATH, { model: 'tiny', input: 'Thanks', previous_response_id: second.id, store: false })).json();
    const sent = model.calls.at(-1)?.request;
    expect(sent?.kind === 'chat' ? sent.chat.messages : undefined).toEqual([
      { role: 'user', content: 'Hello there' },
      {
        role: 'assistant',
        content: 'Let me look.',
        reasoning: 'A tool knows.',
        toolCalls: [
          { id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
          { id: 'call_2', name: 'get_time', arguments: '{}' },
        ],
      },
      { role: 'tool', content: 'clear', toolCallId: 'call_1' },
      { role: 'tool', content: 'noon', toolCallId: 'call_2' },
      { role: 'assistant', content: 'Bees build their honeycomb cells in a hexagonal pattern.' },
      { role: 'user', content: 'Thanks' },
    ]);
  });

  it('keeps responses until they are deleted, with what they were asked', async () => {
    const { post, url } = await startGateway();
    const input = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'input_text', text: 'Hello' }] },
      { type: 'message', role: 'user', content: 'there' },
    ];
    const made = (await (await post(PATH, { model: 'tiny', input })).json()) as { id: string };
    expect(await (await fetch(`${url}${PATH}/${made.id}`)).json()).toEqual(made);
    const items = `${url}${PATH}/${made.id}/input_items`;
    const page = (await (await fetch(`${items}?limit=2`)).json()) as {
      data: { id: string; content: unknown }[];
      has_more: boolean;
    };
    expect(page).toMatchObject({
      object: 'list',
      has_more: true,
      data: [{ content: [{ text: 'there' }] }, { content: [{ text: 'Hello' }] }],
    });
    const rest = await (await fetch(`${items}?order=desc&after=${page.data[1]?.id}`)).json();
    expect(rest).toMatchObject({ has_more: false, data: [{ role: 'developer' }] });
    expect((await fetch(`${items}?limit=0`)).status).toBe(400);
    const deleted = await fetch(`${url}${PATH}/${made.id}`, { method: 'DELETE' });
    expect(await deleted.json()).toEqual({ id: made.id, object: 'response', deleted: true });
    for (const path of ['', '/input_items']) {
      const gone = await fetch(`${url}${PATH}/${made.id}${path}`);
      expect(gone.status).toBe(404);
      expect(await gone.json()).toMatchObject({ error: { code: 'response_not_found' } });
    }
    const next = await post(PATH, { ...ask, previous_response_id: made.id });
    expect(next.status).toBe(400);
    expect(await next.json()).toMatchObject({ error: { code: 'previous_response_not_found', param: 'previous_response_id' } });
  });

  it('puts items in the place of references to them', async () => {
    const { post, model, url } = await startGateway({ script: mixed });
    const first = (await (await post(PATH, ask)).json()) as { id: string; output: { id: string }[] };
    model.script = sentence;
    const references = first.output.map(({ id }) => ({ type: 'item_reference', id }));
    const output = { type: 'function_call_output', call_id: 'call_1', output: 'clear' };
    const input = [{ role: 'user', content: 'Hello' }, ...references, output];
    expect((await post(PATH, { model: 'tiny', input })).status).toBe(200);
    const sent = model.calls.at(-1)?.request;
    expect(sent?.kind === 'chat' ? sent.chat.messages[1] : undefined).toMatchObject({
      content: 'Let me look.',
      reasoning: 'A tool knows.',
      toolCalls: [{ id: 'call_1' }, { id: 'call_2' }],
    });
    await fetch(`${url}${PATH}/${first.id}`, { method: 'DELETE' });
    // The second response has them too.
    expect((await post(PATH, { model: 'tiny', input })).status).toBe(200);
  });

  it('keeps nothing that it is told not to, and nothing that failed', async () => {
    const { post, url, model } = await startGateway();
    const unkept = (await (await post(PATH, { ...ask, store: false })).json()) as { id: string; store: boolean };
    expect(unkept.store).toBe(false);
    expect((await fetch(`${url}${PATH}/${unkept.id}`)).status).toBe(404);
    model.script = failing(new StageError('Stage 1 is gone.'), 'Half');
    const events = await eventsOf(await post(PATH, { ...ask, stream: true }));
    const failed = events.at(-1) as unknown as { type: string; response: { id: string } };
    expect(failed).toMatchObject({
      type: 'response.failed',
      response: {
        status: 'failed',
        error: { code: 'stage_failed', message: 'Stage 1 is gone.' },
        output: [{ status: 'incomplete' }],
      },
    });
    expect((await fetch(`${url}${PATH}/${failed.response.id}`)).status).toBe(404);
  });

  it('takes reasoning back from clients that keep only its encrypted form', async () => {
    const { post, model } = await startGateway({ script: mixed });
    const include = ['reasoning.encrypted_content'];
    const made = (await (await post(PATH, { ...ask, store: false, include })).json()) as { output: Record<string, unknown>[] };
    const [reasoning = {}, ...rest] = made.output;
    const { content: _, ...kept } = reasoning;
    await (await post(PATH, { model: 'tiny', store: false, input: [{ role: 'user', content: 'Hello' }, kept, ...rest] })).json();
    const sent = model.calls.at(-1)?.request;
    expect(sent?.kind === 'chat' ? sent.chat.messages[1] : undefined).toMatchObject({
      reasoning: 'A tool knows.',
      content: 'Let me look.',
    });
  });

  it('leaves out tools that run on servers of others, unless there are no others', async () => {
    const { post, model } = await startGateway();
    const own = { type: 'function', name: 'get_weather', parameters: { type: 'object' } };
    const response = await post(PATH, { ...ask, tools: [{ type: 'web_search' }, own] });
    expect(((await response.json()) as { tools: unknown }).tools).toEqual([own]);
    const sent = model.calls[0]?.request;
    expect(sent?.kind === 'chat' ? sent.chat.tools.map(({ name }) => name) : []).toEqual(['get_weather']);
    const refused = await post(PATH, { ...ask, tools: [{ type: 'web_search' }] });
    expect(await refused.json()).toMatchObject({ error: { param: 'tools[0].type', code: 'unsupported_parameter' } });
  });

  it('lets one of several tools be called', async () => {
    const { post, model } = await startGateway();
    const tools = ['a', 'b', 'c'].map((name) => ({ type: 'function', name }));
    const allowed = ['a', 'c'].map((name) => ({ type: 'function', name }));
    await post(PATH, { ...ask, tools, tool_choice: { type: 'allowed_tools', mode: 'required', tools: allowed } });
    await post(PATH, { ...ask, tools, tool_choice: { type: 'function', name: 'b' } });
    expect(
      model.calls.map(({ request }) => (request.kind === 'chat' ? [request.chat.tools.length, request.chat.toolChoice] : [])),
    ).toEqual([
      [2, 'required'],
      [3, { name: 'b' }],
    ]);
  });

  it.each([
    [{}, 'input', 'missing_required_parameter'],
    [{ input: [] }, 'input', 'missing_required_parameter'],
    [{ input: 5 }, 'input', 'invalid_type'],
    [{ input: [{ role: 'user' }] }, 'input[0].content', 'missing_required_parameter'],
    [{ input: [{ content: 'a' }] }, 'input[0].role', 'missing_required_parameter'],
    [{ input: [{ type: 'function_call_output', output: 'a' }] }, 'input[0].call_id', 'missing_required_parameter'],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0].id', 'item_not_found'],
    [{ input: [{ type: 'computer_call' }] }, 'input[0].type', 'unsupported_content'],
    [{ input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, 'input[0].content[0].type', 'unsupported_content'],
    [{ input: 'a', background: true }, 'background', 'unsupported_parameter'],
    [{ input: 'a', conversation: 'conv_1' }, 'conversation', 'unsupported_parameter'],
    [{ input: 'a', text: { format: { type: 'json_schema', name: 'x' } } }, 'text.format.schema', 'missing_required_parameter'],
    [{ input: 'a', tools: [{ type: 'function' }] }, 'tools[0].name', 'missing_required_parameter'],
    [{ input: 'a', tool_choice: 'required' }, 'tool_choice', 'invalid_value'],
    [{ input: 'word '.repeat(3000) }, 'input', 'context_length_exceeded'],
  ])('%# names the field and the fault of a wrong request', async (fields, param, code) => {
    const { post } = await startGateway();
    const response = await post(PATH, { model: 'tiny', ...fields });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, code } });
  });
});
