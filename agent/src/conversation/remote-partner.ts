import type { ChatMessage } from '@pippa/core';
import { z } from 'zod';
import { RemoteAgentError } from '../errors.ts';
import type { RemoteAddress } from '../remote/agent-address.ts';
import { askAgent, requestAgent } from '../remote/ask-agent.ts';
import { errorBody, remoteError } from '../remote/remote-error.ts';
import type { RemoteResponse } from '../remote/send.ts';
import type { AnswerPart, Partner } from './partner.ts';
import { serverSentData } from './server-sent-events.ts';

/** A local agent that does not answer within this is treated as not there. */
const PROBE_TIMEOUT_MS = 1000;

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });
const health = z.object({ status: z.string() });
const chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }),
        finish_reason: z.enum(['stop', 'length', 'tool_calls']).nullish(),
      }),
    )
    .default([]),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

/** The models of the agent that runs at this address; undefined when none does. */
export async function probeAgent(address: RemoteAddress): Promise<readonly string[] | undefined> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    await askAgent(address, '/health', health, signal);
    const { data } = await askAgent(address, '/v1/models', modelList, signal);
    return data.map((model) => model.id);
  } catch {
    // Refused, silent or talking something else: no agent to use.
    return undefined;
  }
}

/** A model of an agent that is already running. */
export class RemotePartner implements Partner {
  readonly model: string;
  readonly place: string;
  readonly #address: RemoteAddress;

  constructor(address: RemoteAddress, model: string) {
    this.#address = address;
    this.model = model;
    this.place = `at ${address.url}`;
  }

  async *answer(messages: readonly ChatMessage[], { signal }: { readonly signal: AbortSignal }): AsyncIterable<AnswerPart> {
    const response = await this.#post(messages, signal);
    let reason: 'stop' | 'length' | 'tool_calls' | undefined;
    let usage = { prompt_tokens: 0, completion_tokens: 0 };
    for await (const data of serverSentData(response.body)) {
      if (data === '[DONE]') break;
      const event = this.#parse(data);
      const choice = event.choices[0];
      if (choice?.delta.reasoning_content) yield { kind: 'reasoning', text: choice.delta.reasoning_content };
      if (choice?.delta.content) yield { kind: 'text', text: choice.delta.content };
      reason = choice?.finish_reason ?? reason;
      usage = event.usage ?? usage;
    }
    if (reason === undefined) throw new RemoteAgentError(`The agent ${this.place} stopped in the middle of its answer.`);
    yield { kind: 'finish', reason, promptTokens: usage.prompt_tokens, generatedTokens: usage.completion_tokens };
  }

  #post(messages: readonly ChatMessage[], signal: AbortSignal): Promise<RemoteResponse> {
    const body = {
      model: this.model,
      stream: true,
      stream_options: { include_usage: true },
      messages: messages.map(toWire),
    };
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify(body) } as const;
    return requestAgent(this.#address, '/v1/chat/completions', request, signal);
  }

  #parse(data: string): z.output<typeof chunk> {
    const json: unknown = JSON.parse(data);
    const parsed = chunk.safeParse(json);
    if (parsed.success && !errorBody.safeParse(json).success) return parsed.data;
    throw remoteError(data, `The agent ${this.place} sent something that is not an answer.`);
  }

  async stop(): Promise<void> {}
}

function toWire(message: ChatMessage): object {
  return { role: message.role, content: message.content };
}
