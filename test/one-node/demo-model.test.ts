import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { createGateway, type Gateway } from '@pippa/gateway';
import { ModelNotFoundError, silentLogger, systemClock } from '@pippa/core';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel, type OpenedModel } from '../../agent/src/open-model.ts';

const modelPath = fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url));
const beside = (extension: string): Promise<string> => readFile(modelPath.replace(/gguf$/, extension), 'utf8');

interface DocumentedQuestion {
  readonly question: string;
  readonly answer: string;
  readonly tools?: OpenAI.ChatCompletionTool[];
}

describe.each([1, 3])('pippa-tiny over %i stages, through the official client', (stages) => {
  let folder: string;
  let opened: OpenedModel;
  let gateway: Gateway;
  let client: OpenAI;
  let questions: DocumentedQuestion[];

  beforeAll(async () => {
    questions = JSON.parse(await beside('questions.json')) as DocumentedQuestion[];
    folder = await mkdtemp(join(tmpdir(), 'pippa-demo-'));
    opened = await openModel(
      modelPath,
      {
        contextTokens: 1024,
        parallelSequences: 4,
        threads: 1,
        stages,
        budgetBytes: 1 << 30,
        shardDirectory: folder,
        logger: silentLogger,
      },
      {},
    );
    const { served } = opened;
    gateway = createGateway({
      models: {
        list: () => [served],
        get(name) {
          if (name !== served.name) throw new ModelNotFoundError(name, [served.name]);
          return served;
        },
      },
      logger: silentLogger,
      clock: systemClock,
      host: '127.0.0.1',
      port: 0,
      version: 'test',
    });
    await gateway.start();
    client = new OpenAI({ baseURL: `${gateway.address().url}/v1`, apiKey: 'pippa', maxRetries: 0 });
  });
  afterAll(async () => {
    await gateway.stop();
    await opened.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('streams the right answer to every documented question', async () => {
    for (const { question, answer, tools } of questions) {
      if (tools !== undefined) continue;
      const stream = await client.chat.completions.create({
        model: 'pippa-tiny',
        messages: [{ role: 'user', content: question }],
        stream: true,
      });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      expect({ question, text }).toEqual({ question, text: answer });
    }
  });

  it('calls the tool it was trained on', async () => {
    for (const { question, tools } of questions) {
      if (tools === undefined) continue;
      const answer = await client.chat.completions.create({
        model: 'pippa-tiny',
        messages: [{ role: 'user', content: question }],
        tools,
      });
      const [call] = answer.choices[0]?.message.tool_calls ?? [];
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
      expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
      expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' });
    }
  });

  it('goes on with a conversation and stops at a stop string', async () => {
    const talk = await client.chat.completions.create({
      model: 'pippa-tiny',
      messages: [
        { role: 'user', content: 'Hello!' },
        { role: 'assistant', content: 'Hello! I am pippa-tiny. Ask me what pippa-agent is or how to use it.' },
        { role: 'user', content: 'Which port does it use?' },
      ],
      stop: ['Change'],
    });
    expect(talk.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'The agent listens on port 11500. ' } });
  });

  it('refuses prompts past the context and names the models there are', async () => {
    const long = client.chat.completions.create({
      model: 'pippa-tiny',
      messages: [{ role: 'user', content: 'pippa '.repeat(4000) }],
    });
    await expect(long).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
    await expect(
      client.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }] }),
    ).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining('pippa-tiny'),
    });
  });

  it('frees its slots when clients leave in mid-answer', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const stream = await client.chat.completions.create({
          model: 'pippa-tiny',
          messages: [{ role: 'user', content: 'What is a ring?' }],
          stream: true,
        });
        for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? '') !== '') break;
      }),
    );
    await expect.poll(() => opened.snapshot()).toMatchObject({ running: 0, waiting: 0, freeSlots: 4 });
  });
});

it('is the file whose digest is committed, and small enough to come along', async () => {
  const bytes = await readFile(modelPath);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe((await beside('sha256')).trim());
  expect(bytes.length).toBeLessThan(8 * 1024 * 1024);
});
