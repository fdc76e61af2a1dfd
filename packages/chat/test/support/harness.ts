import type { ChatRequest, CompletionRequest, EndReason, SamplerSettings, ServedModel, TextEvent, TextLogprob } from '@pippa/core';
import { createServedModel } from '../../src/index.ts';
import { FakeTokenizer } from './fake-tokenizer.ts';
import { ScriptedGenerator } from './scripted-generator.ts';

export interface HarnessOptions {
  readonly template?: string | undefined;
  readonly controls?: readonly string[];
  readonly begin?: string;
  readonly end?: string;
  readonly addBegin?: boolean;
  readonly contextTokens?: number;
  readonly samplerDefaults?: Partial<SamplerSettings>;
}

/** An answer put together from its events. */
export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly logprobs: readonly TextLogprob[];
  readonly events: readonly TextEvent[];
  readonly finish: TextEvent & { readonly kind: 'finish' };
}

/** What the model says: texts become tokens of their bytes, `{ control }` a control token, bytes one token. */
export type Spoken = string | Uint8Array | { readonly control: string };

/** A served model over a fake tokenizer and a generator that plays back what it is told. */
export class Harness {
  readonly tokenizer: FakeTokenizer;
  readonly generator: ScriptedGenerator;
  readonly model: ServedModel;
  #seed = 41;

  constructor(options: HarnessOptions = {}) {
    this.tokenizer = new FakeTokenizer(options.controls ?? [], options);
    this.generator = new ScriptedGenerator(options.contextTokens);
    this.model = createServedModel({
      name: 'fake',
      createdMs: 5,
      architecture: 'llama',
      parameterCount: 7,
      fileBytes: 9,
      template: options.template,
      tokenizer: this.tokenizer,
      generator: this.generator,
      samplerDefaults: options.samplerDefaults ?? {},
      randomSeed: () => (this.#seed += 1),
      clock: { nowMs: () => 1000, wallMs: () => new Date(2026, 10, 24, 12).getTime() },
    });
  }

  /** `whole`: every text is one token instead of one a byte. */
  speak(
    spoken: readonly Spoken[],
    { end = 'end', whole = false }: { readonly end?: EndReason; readonly whole?: boolean } = {},
  ): void {
    this.generator.end = end;
    this.generator.tokens = spoken.flatMap((item) => {
      if (typeof item === 'string') {
        const bytes = new TextEncoder().encode(item);
        return whole ? [this.tokenizer.merged(bytes)] : [...bytes];
      }
      return [item instanceof Uint8Array ? this.tokenizer.merged(item) : this.tokenizer.control(item.control)];
    });
  }

  async chat(request: Partial<ChatRequest> = {}, signal: AbortSignal = new AbortController().signal): Promise<Answer> {
    return collect(this.model.chat(chatRequest(request), { signal }));
  }

  async complete(request: Partial<CompletionRequest> = {}, signal: AbortSignal = new AbortController().signal): Promise<Answer> {
    return collect(
      this.model.complete({ sampler: {}, stop: [], lane: 'interactive', prompt: 'x', echo: false, ...request }, { signal }),
    );
  }

  /** The prompt that the last request came to, control tokens between guillemets. */
  get prompt(): string {
    return this.tokenizer.show(this.generator.requests.at(-1)?.prompt ?? []);
  }

  async promptOf(request: Partial<ChatRequest>): Promise<string> {
    await this.chat(request);
    return this.prompt;
  }
}

export function chatRequest(request: Partial<ChatRequest>): ChatRequest {
  return {
    sampler: {},
    stop: [],
    lane: 'interactive',
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    toolChoice: 'auto',
    responseFormat: { kind: 'text' },
    ...request,
  };
}

export async function collect(stream: AsyncIterable<TextEvent>): Promise<Answer> {
  const events: TextEvent[] = [];
  for await (const event of stream) events.push(event);
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const event of events) {
    if (event.kind !== 'tool_call') continue;
    if (event.id !== undefined) calls[event.index] = { id: event.id, name: event.name ?? '', arguments: '' };
    const call = calls[event.index];
    if (call === undefined) throw new Error('arguments of a call that has not begun');
    call.arguments += event.argumentsDelta;
  }
  const finish = events.at(-1);
  if (finish?.kind !== 'finish' || events.filter((event) => event.kind === 'finish').length !== 1)
    throw new Error('finish must come last, once');
  const texts = events.filter((event) => event.kind === 'text');
  return {
    text: texts.map((event) => event.text).join(''),
    reasoning: events
      .filter((event) => event.kind === 'reasoning')
      .map((event) => event.text)
      .join(''),
    calls,
    logprobs: texts.flatMap((event) => event.logprobs ?? []),
    events,
    finish,
  };
}
