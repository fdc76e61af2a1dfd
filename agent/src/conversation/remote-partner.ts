import { errorMessage, type ChatMessage } from '@pippa/core';
import { z } from 'zod';
import { RemoteAgentError } from '../errors.ts';
import { authorization, type RemoteAddress } from '../remote/agent-address.ts';
import { errorBody, remoteError } from '../remote/remote-error.ts';
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
    const headers = authorization(address);
    const alive = await fetch(`${address.url}/health`, { signal, headers });
    if (!alive.ok || !health.safeParse(await alive.json()).success) return undefined;
    const list = await fetch(`${address.url}/v1/models`, { signal, headers });
    const models = modelList.safeParse(await list.json());
    return list.ok && models.success ? models.data.data.map((model) => model.id) : undefined;
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
    for await (const data of serverSentData(bodyOf(response))) {
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

  async #post(messages: readonly ChatMessage[], signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#address.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization(this.#address) },
        body: JSON.stringify({
          model: this.model,
          stream: true,
          stream_options: { include_usage: true },
          messages: messages.map(toWire),
        }),
        signal,
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new RemoteAgentError(`The agent ${this.place} cannot be reached: ${errorMessage(cause)}.`, { cause });
    }
    if (response.ok) return response;
    throw remoteError(await response.text(), `The agent ${this.place} answered with status ${response.status}.`);
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

function bodyOf(response: Response): AsyncIterable<Uint8Array> {
  if (response.body === null) throw new RemoteAgentError('The agent answered without a body.');
  return response.body;
}
