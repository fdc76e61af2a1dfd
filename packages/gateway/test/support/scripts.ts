import type { ChatRequest, TextEvent, TextLogprob, TextRequest } from '@pippa/core';
import type { Script, ScriptedRequest } from './scripted-model.ts';
import { usageOf } from './scripted-model.ts';

const WORDS = ['Bees', ' build', ' their', ' honeycomb', ' cells', ' in', ' a', ' hexagonal', ' pattern', '.'];

/** Plays the events given, then ends with `reason`. */
export function playing(events: readonly TextEvent[], reason: 'stop' | 'length' | 'tool_calls' = 'stop'): Script {
  return async function* play(request) {
    yield* events;
    yield { kind: 'finish', reason, usage: usageOf(request, events.length) };
  };
}

/** Says the texts given. */
export const saying = (...texts: readonly string[]): Script => playing(texts.map((text) => ({ kind: 'text', text })));

/** Says one word, then waits: the generation ends only when it is aborted. */
export const hanging: Script = async function* hang(_, signal) {
  yield { kind: 'text', text: 'Wait' };
  yield* waiting(_, signal);
};

/** Waits without a word until it is aborted. */
// oxlint-disable-next-line require-yield -- it ends by throwing
export const waiting: Script = async function* wait(_, signal) {
  await new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
};

/** Fails after the texts given. */
export function failing(error: Error, ...texts: readonly string[]): Script {
  return async function* fail() {
    for (const text of texts) yield { kind: 'text', text };
    throw error;
  };
}

/**
 * Behaves like a small model: the words depend on the seed when the temperature is over 0; obeys maxTokens, stop strings, logprobs,
 * tools and response formats; goes on without end when told to ignore it.
 */
export const sentence: Script = async function* speak(request, signal) {
  const text: TextRequest = request.kind === 'chat' ? request.chat : request.completion;
  if (request.kind === 'chat') {
    const special = specialAnswer(request.chat);
    if (special !== undefined) {
      yield* special;
      yield {
        kind: 'finish',
        reason: special.some((event) => event.kind === 'tool_call') ? 'tool_calls' : 'stop',
        usage: usageOf(request, 5),
      };
      return;
    }
  } else if (request.completion.echo) {
    yield { kind: 'text', text: String(request.completion.prompt) };
  }
  const shift = (text.sampler.temperature ?? 0.8) > 0 ? (text.sampler.seed ?? 0) : 0;
  const maxTokens = text.maxTokens ?? WORDS.length;
  let said = '';
  for (let index = 0; index < WORDS.length; index++) {
    if (index === maxTokens) {
      yield { kind: 'finish', reason: 'length', usage: usageOf(request, index) };
      return;
    }
    const word = WORDS[(index + shift) % WORDS.length] ?? '';
    const stop = text.stop.find((one) => (said + word).includes(one));
    if (stop !== undefined) {
      yield { kind: 'text', text: (said + word).slice(said.length, (said + word).indexOf(stop)) };
      yield { kind: 'finish', reason: 'stop', usage: usageOf(request, index + 1), stopString: stop };
      return;
    }
    said += word;
    yield { kind: 'text', text: word, ...(text.logprobs === undefined ? {} : { logprobs: [logprobOf(word, text.logprobs)] }) };
  }
  if (text.sampler.ignoreEndOfGeneration === true) yield* waiting(request, signal);
  yield { kind: 'finish', reason: 'stop', usage: usageOf(request, WORDS.length), reasoningTokens: 0 };
};

/** Whatever the seed and the format, the words of `sentence`. */
export const SENTENCE = WORDS.join('');

/** Text of the last message, for scripts that choose by it. */
export const lastText = (request: ScriptedRequest): string =>
  request.kind === 'chat' ? (request.chat.messages.at(-1)?.content ?? '') : '';

export function logprobOf(text: string, alternatives: number): TextLogprob {
  const bytes = [...Buffer.from(text)];
  const other = { text: ' other', bytes: [...Buffer.from(' other')], logprob: Number.NEGATIVE_INFINITY };
  return { text, bytes, logprob: -0.25, top: [{ text, bytes, logprob: -0.25 }, other].slice(0, alternatives) };
}

function specialAnswer(chat: ChatRequest): TextEvent[] | undefined {
  if (chat.responseFormat.kind !== 'text')
    return [
      { kind: 'text', text: '{"answer":' },
      { kind: 'text', text: ' 42}' },
    ];
  const tool = chat.tools[0];
  if (tool === undefined || chat.toolChoice === 'none' || chat.messages.at(-1)?.role !== 'user') return undefined;
  return [
    { kind: 'reasoning', text: 'A tool knows.' },
    { kind: 'tool_call', index: 0, id: 'call_1', name: tool.name, argumentsDelta: '' },
    { kind: 'tool_call', index: 0, argumentsDelta: '{"city":' },
    { kind: 'tool_call', index: 0, argumentsDelta: '"Paris"}' },
  ];
}
