import type { GenerationEvent, GenerationRequest, SequenceId } from '@pippa/core';
import { EventQueue } from './event-queue.ts';
import type { SlotState } from './slots.ts';
import { TokenHistory } from './token-history.ts';

/** One generation, from the queue to its end. The conductor keeps all its token ids: a lost stage is rebuilt from them. */
export class Sequence {
  readonly id: SequenceId;
  readonly request: GenerationRequest;
  readonly events = new EventQueue<GenerationEvent>();
  readonly tokens: TokenHistory;
  readonly arrivedMs: number;
  /** Where it runs; undefined while it waits. */
  slot: SlotState | undefined;
  /** Tokens whose rows were sent into the ring. */
  submitted = 0;
  /** Steps under way that carry its rows. */
  stepsInFlight = 0;
  /** Counts its ways in and out of slots: tells the steps of one stay from those of another. */
  admissions = 0;
  generated = 0;
  cachedTokens = 0;
  samplerOpen = false;
  ended = false;
  admittedMs = 0;
  firstTokenMs = 0;

  constructor(id: SequenceId, request: GenerationRequest, arrivedMs: number) {
    this.id = id;
    this.request = request;
    this.tokens = new TokenHistory(request.prompt);
    this.arrivedMs = arrivedMs;
  }

  /** Tokens not yet in the ring; 1 while decoding with its token known. */
  get pendingRows(): number {
    return this.tokens.length - this.submitted;
  }

  /** More than the token that was just sampled is missing: the prompt, or a replay after a preemption. */
  get isPrefilling(): boolean {
    return this.pendingRows > 1 || this.generated === 0;
  }
}
