import type { EndReason, GenerationEvent, TextEvent, TextLogprob, TokenLogprob, Tokenizer } from '@pippa/core';
import { StopMatcher } from '../text/stop-matcher.ts';
import { Utf8Stream } from '../text/utf8-stream.ts';
import { AnswerSegments, SEGMENT_MARKERS, type AnswerSegment } from './answer-segments.ts';

export interface AnswerOptions {
  readonly tokenizer: Tokenizer;
  readonly stop: readonly string[];
  /** The prompt ended inside a reasoning segment. */
  readonly startsInReasoning: boolean;
  /** Names of the tools whose calls are expected; undefined: the answer is text as it is (a plain completion). */
  readonly tools: ReadonlySet<string> | undefined;
  readonly randomSeed: () => number;
}

/** Turns a generation's tokens into the pieces of an answer. A stop string ends the iteration, and with it the generation. */
export async function* streamAnswer(
  events: AsyncIterable<GenerationEvent>,
  options: AnswerOptions,
): AsyncGenerator<TextEvent, void, undefined> {
  const answer = new Answer(options);
  let generatedTokens = 0;
  for await (const event of events) {
    if (event.kind === 'end') {
      yield* answer.end();
      yield { kind: 'finish', reason: answer.finishReason(event.reason), usage: event.usage };
      return;
    }
    generatedTokens += 1;
    yield* answer.token(event.token, event.logprob);
    if (answer.stopString !== undefined) {
      const usage = {
        promptTokens: event.position - generatedTokens + 1,
        cachedTokens: 0,
        generatedTokens,
        queueMs: 0,
        prefillMs: 0,
        decodeMs: 0,
      };
      yield { kind: 'finish', reason: 'stop', usage, stopString: answer.stopString };
      return;
    }
  }
}

class Answer {
  stopString: string | undefined;
  readonly #options: AnswerOptions;
  readonly #characters = new Utf8Stream();
  readonly #segments: AnswerSegments | undefined;
  readonly #stops: StopMatcher;
  #logprobs: TextLogprob[] = [];
  #calls = 0;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#stops = new StopMatcher(options.stop);
    if (options.tools !== undefined)
      this.#segments = new AnswerSegments({ reasoning: options.startsInReasoning, calls: options.tools.size > 0 });
  }

  *token(token: number, logprob: TokenLogprob | undefined): Generator<TextEvent> {
    const { tokenizer } = this.#options;
    if (logprob !== undefined) this.#logprobs.push(textLogprob(tokenizer, logprob));
    const isMarker = tokenizer.isControl(token) && SEGMENT_MARKERS.has(new TextDecoder().decode(tokenizer.piece(token, true)));
    yield* this.#take(this.#characters.push(tokenizer.piece(token, isMarker)));
  }

  *end(): Generator<TextEvent> {
    yield* this.#take(this.#characters.end());
    for (const segment of this.#segments?.end() ?? []) yield* this.#segment(segment);
    if (this.stopString === undefined) yield* this.#text(this.#stops.end());
  }

  finishReason(reason: EndReason): 'stop' | 'length' | 'tool_calls' {
    if (reason !== 'end') return 'length';
    return this.#calls > 0 ? 'tool_calls' : 'stop';
  }

  *#take(text: string): Generator<TextEvent> {
    const segments = this.#segments?.push(text) ?? [{ kind: 'text' as const, text }];
    for (const segment of segments) {
      yield* this.#segment(segment);
      if (this.stopString !== undefined) return;
    }
  }

  *#segment(segment: AnswerSegment): Generator<TextEvent> {
    if (segment.kind === 'reasoning') {
      yield segment as TextEvent;
      return;
    }
    const call = segment.kind === 'call' ? this.#call(segment.text) : undefined;
    if (call !== undefined) {
      yield call;
      return;
    }
    const step = this.#stops.push(segment.kind === 'call' ? `<tool_call>${segment.text}</tool_call>` : segment.text);
    this.stopString = step.stop;
    yield* this.#text(step.text);
  }

  *#text(text: string): Generator<TextEvent> {
    // White space around calls is the format's, not the answer's.
    if (text === '' || (this.#calls > 0 && text.trim() === '')) return;
    const logprobs = this.#logprobs;
    this.#logprobs = [];
    yield logprobs.length > 0 ? { kind: 'text', text, logprobs } : { kind: 'text', text };
  }

  /** Undefined when the text is no call of an offered tool: then it goes out as text. */
  #call(text: string): TextEvent | undefined {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return undefined;
    }
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { name, arguments: given } = parsed as { name?: unknown; arguments?: unknown };
    if (typeof name !== 'string' || this.#options.tools?.has(name) !== true) return undefined;
    const id = `call_${this.#options.randomSeed().toString(16).padStart(8, '0')}`;
    const event = {
      kind: 'tool_call',
      index: this.#calls,
      id,
      name,
      argumentsDelta: typeof given === 'string' ? given : JSON.stringify(given ?? {}),
    } as const;
    this.#calls += 1;
    return event;
  }
}

function textLogprob(tokenizer: Tokenizer, { token, logprob, top }: TokenLogprob): TextLogprob {
  const describe = (id: number, value: number) => {
    const bytes = tokenizer.piece(id, true);
    return { text: new TextDecoder().decode(bytes), bytes: [...bytes], logprob: value };
  };
  return { ...describe(token, logprob), top: top.map((other) => describe(other.token, other.logprob)) };
}
