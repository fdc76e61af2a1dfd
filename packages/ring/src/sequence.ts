import type { GenerationEvent, GenerationRequest, SequenceId } from '@pippa/core';
import type { EventStream } from './event-stream.ts';
import { SequenceTiming } from './sequence-timing.ts';
import type { SlotState } from './slot-table.ts';
import { TokenHistory } from './token-history.ts';

/** A batch-lane sequence that was pushed out this often is left alone from then on, or it would only ever be replayed. */
const MAX_BATCH_PREEMPTIONS = 2;

/** What has to happen before a waiting sequence is looked at again. */
export type WaitReason =
  /** Somebody has to leave: more have left than `departures`. */
  | { readonly kind: 'departure'; readonly departures: number }
  /** `leader` has to reach position `until` in its stay `stay`: the beginning is copied then. */
  | { readonly kind: 'prefix'; readonly leader: Sequence; readonly stay: number; readonly until: number };

/** One generation, from the queue to its end. The conductor keeps all its token ids: a lost stage is rebuilt from them. */
export class Sequence {
  /** Increases with arrival. */
  readonly id: SequenceId;
  readonly request: GenerationRequest;
  readonly events: EventStream<GenerationEvent>;
  /** The prompt and what was generated. */
  readonly tokens: TokenHistory;
  readonly arrivedMs: number;
  /** Goes before batch work: its lane is interactive, or it waited or was pushed out too often. */
  urgent: boolean;
  /** When it last began to wait. */
  waitingSinceMs: number;
  waitsFor: WaitReason | undefined;
  /** Where it runs; undefined while it waits. */
  slot: SlotState | undefined;
  /** Tells the steps of one stay in a slot from those of another. */
  stay = 0;
  /** Positions whose KV is there, or will be once the steps under way are through. */
  submitted = 0;
  /** This stay computes `[prefillFrom, prefillTo)` in chunks: the prompt, or all there was before a preemption. */
  prefillFrom = 0;
  prefillTo = 0;
  /** Steps under way that carry its rows. */
  stepsInFlight = 0;
  /** The last step that carried its rows. */
  lastStep = 0;
  generated: number;
  readonly timing = new SequenceTiming();
  /** Prompt tokens whose KV was there at the first admission. */
  cachedTokens = 0;
  preemptions = 0;
  /** Undefined before the first admission. */
  admittedMs: number | undefined;
  firstTokenMs: number | undefined;
  samplerOpen = false;
  ended = false;
  /** Undoes what was set up for it elsewhere: the listener on its signal. */
  onEnded: (() => void) | undefined;

  constructor(id: SequenceId, request: GenerationRequest, events: EventStream<GenerationEvent>, arrivedMs: number) {
    this.id = id;
    this.request = request;
    this.events = events;
    this.tokens = new TokenHistory(request.prompt);
    this.arrivedMs = arrivedMs;
    this.waitingSinceMs = arrivedMs;
    this.urgent = request.lane === 'interactive';
    this.generated = request.alreadyGenerated ?? 0;
  }

  /** Tokens of the prompt proper: what an earlier conductor generated came along with it. */
  get promptLength(): number {
    return this.request.prompt.length - (this.request.alreadyGenerated ?? 0);
  }

  /** Tokens known but not yet sent into the ring. */
  get pending(): number {
    return this.tokens.length - this.submitted;
  }

  get isPrefilling(): boolean {
    return this.submitted < this.prefillTo;
  }

  /** Its next token can be computed as soon as a step has room. */
  get isReadyToDecode(): boolean {
    return !this.isPrefilling && this.stepsInFlight === 0 && this.pending > 0;
  }

  /** The beginning it waits for is still being computed. */
  get waitsForPrefix(): boolean {
    const reason = this.waitsFor;
    if (reason?.kind !== 'prefix') return false;
    return reason.leader.stay === reason.stay && reason.leader.submitted < reason.until;
  }

  /** Takes a place; `cached` positions are there already. */
  enter(slot: SlotState, cached: number, nowMs: number): void {
    this.slot = slot;
    this.waitsFor = undefined;
    this.submitted = cached;
    this.prefillFrom = cached;
    this.prefillTo = this.tokens.length;
    if (this.admittedMs !== undefined) return;
    this.admittedMs = nowMs;
    this.cachedTokens = cached;
  }

  /** Its slot is another chain's from here on, which holds its first `length` positions; it goes on from there. */
  moveTo(slot: SlotState, length: number): void {
    this.leave();
    this.slot = slot;
    this.submitted = length;
    this.prefillFrom = length;
    // One token is an ordinary step.
    this.prefillTo = this.tokens.length - length > 1 ? this.tokens.length : length;
  }

  /** Steps under way no longer concern it. */
  leave(): void {
    this.slot = undefined;
    this.stay += 1;
    this.submitted = 0;
    this.stepsInFlight = 0;
    this.samplerOpen = false;
  }

  /** Left its place against its will and waits again. */
  pushedOut(nowMs: number): void {
    this.preemptions += 1;
    this.waitingSinceMs = nowMs;
    if (this.preemptions >= MAX_BATCH_PREEMPTIONS) this.urgent = true;
  }
}
