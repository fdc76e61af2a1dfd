import type { EndReason, FinishReason, TextEvent, TokenId, TokenLogprob, Tokenizer, ToolDefinition } from '@pippa/core';
import { Utf8Stream } from '../text/utf8-stream.ts';
import { pieceText } from '../prompt/marker-tokens.ts';
import { offeredTools } from '../tools/tool-call-format.ts';
import { markersOf, type AnswerFormat } from './answer-format.ts';
import { AnswerParser } from './answer-parser.ts';
import { callId } from './call-ids.ts';
import { LogprobQueue, textLogprob } from './logprob-queue.ts';
import type { AnswerPiece } from './parsing.ts';
import { TextChannel } from './text-channel.ts';

export interface AnswerStreamOptions {
  readonly tokenizer: Tokenizer;
  readonly format: AnswerFormat;
  readonly tools: readonly ToolDefinition[];
  /** The prompt opened a reasoning segment. */
  readonly opensInReasoning: boolean;
  readonly stops: readonly string[];
  /** Calls after which the answer is over; Infinity: any number. */
  readonly maxCalls: number;
  readonly randomSeed: () => number;
}

/** Turns tokens into the events of one answer: bytes to characters, characters to segments, segments to events. */
export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  readonly #markers: ReadonlySet<string>;
  readonly #characters = new Utf8Stream();
  readonly #parser: AnswerParser;
  readonly #logprobs = new LogprobQueue();
  readonly #text: TextChannel;
  #rawLength = 0;
  #calls = 0;
  #reasoningTokens = 0;
  #enoughCalls = false;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
    this.#markers = markersOf(options.format);
    this.#parser = new AnswerParser({
      format: options.format,
      tools: offeredTools(options.tools),
      opensInReasoning: options.opensInReasoning,
    });
    this.#text = new TextChannel(options.stops, this.#logprobs);
  }

  /** The answer is over though the model has not ended it: a stop string came, or as many calls as are allowed. */
  get over(): boolean {
    return this.#enoughCalls || this.#text.stop !== undefined;
  }

  get stopString(): string | undefined {
    return this.#text.stop;
  }

  /** Undefined where the model does not reason in a way that is known. */
  get reasoningTokens(): number | undefined {
    const { harmony, reasoning } = this.#options.format;
    return harmony || reasoning !== undefined ? this.#reasoningTokens : undefined;
  }

  finishReason(end: EndReason | undefined): FinishReason {
    if (end === 'length' || end === 'context') return 'length';
    return this.#calls > 0 && this.#text.stop === undefined ? 'tool_calls' : 'stop';
  }

  /** Tells the parser of text that the prompt already holds of the answer; it is not part of the answer's events. */
  prime(text: string): void {
    this.#rawLength += text.length;
    this.#parser.push(text);
  }

  *token(token: TokenId, logprob: TokenLogprob | undefined): Generator<TextEvent> {
    const { tokenizer } = this.#options;
    const reasoned = this.#parser.inReasoning;
    const from = this.#rawLength;
    const marker = this.#markers.size > 0 && tokenizer.isControl(token) && this.#markers.has(pieceText(tokenizer, token));
    const text = this.#characters.push(tokenizer.piece(token, marker));
    this.#rawLength += text.length;
    if (logprob !== undefined) this.#logprobs.add(from, this.#rawLength, textLogprob(tokenizer, logprob));
    if (text !== '') yield* this.#pieces(this.#parser.push(text));
    if (reasoned || this.#parser.inReasoning) this.#reasoningTokens += 1;
  }

  /** What was held back, when no more tokens come. */
  *end(): Generator<TextEvent> {
    const text = this.#characters.end();
    this.#rawLength += text.length;
    yield* this.#pieces(this.#parser.push(text));
    if (!this.over) yield* this.#pieces(this.#parser.end());
    if (!this.over) yield* this.#text.flush();
  }

  *#pieces(pieces: readonly AnswerPiece[]): Generator<TextEvent> {
    for (const piece of pieces) {
      yield* this.#piece(piece);
      if (this.over) return;
    }
  }

  *#piece(piece: AnswerPiece): Generator<TextEvent> {
    if (piece.kind === 'text') {
      yield* this.#text.push(piece.text, piece.at);
      return;
    }
    yield* this.#text.flush();
    if (piece.kind === 'reasoning') {
      yield { kind: 'reasoning', text: piece.text };
    } else if (piece.kind === 'arguments') {
      yield { kind: 'tool_call', index: this.#calls - 1, argumentsDelta: piece.delta };
    } else if (this.#calls >= this.#options.maxCalls) {
      this.#enoughCalls = true;
    } else {
      const id = piece.id ?? callId(this.#options.randomSeed, this.#options.format.calls?.idLength);
      yield { kind: 'tool_call', index: this.#calls, id, name: piece.name, argumentsDelta: '' };
      this.#calls += 1;
    }
  }
}
