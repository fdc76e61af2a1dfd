import type { Clock } from '@pippa/core';
import { RateLimitError } from '../errors.ts';
import type { Caller } from './access-key.ts';

/** Callers whose state is kept; past it those at rest are forgotten, which only ever gives them their full allowance back. */
const MAX_REMEMBERED = 4096;
/** Nobody knows when a running request ends. */
const BUSY_RETRY_SECONDS = 1;

interface State {
  underWay: number;
  /** Requests that may come now; refills with time. */
  allowance: number;
  updatedMs: number;
}

/** Counts requests by caller: so many in a time, so many at once. */
export class CallerLimits {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #states = new Map<string, State>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** Admits a request; returns what to call when it has ended. Throws `RateLimitError` when it is one too many. */
  enter(caller: Caller): () => void {
    const { rate, concurrency } = caller;
    if (rate === undefined && concurrency === undefined) return () => {};
    const state = this.#stateOf(caller);
    if (concurrency !== undefined && state.underWay >= concurrency) {
      throw new RateLimitError(
        `The key "${caller.name}" has ${state.underWay} requests under way, which is all it may have.`,
        BUSY_RETRY_SECONDS,
      );
    }
    if (rate !== undefined) {
      if (state.allowance < 1) {
        const seconds = ((1 - state.allowance) * rate.perSeconds) / rate.count;
        throw new RateLimitError(
          `The key "${caller.name}" may send ${rate.count} requests in ${rate.perSeconds} seconds, and has.`,
          seconds,
        );
      }
      state.allowance -= 1;
    }
    state.underWay += 1;
    return () => void (state.underWay -= 1);
  }

  #stateOf({ id, rate }: Caller): State {
    const nowMs = this.#clock.nowMs();
    const full = rate?.count ?? 0;
    let state = this.#states.get(id);
    if (state === undefined) {
      if (this.#states.size >= MAX_REMEMBERED) this.#forgetIdle();
      state = { underWay: 0, allowance: full, updatedMs: nowMs };
      this.#states.set(id, state);
    }
    if (rate !== undefined) {
      const refill = ((nowMs - state.updatedMs) / 1000) * (rate.count / rate.perSeconds);
      state.allowance = Math.min(full, state.allowance + refill);
    }
    state.updatedMs = nowMs;
    return state;
  }

  #forgetIdle(): void {
    for (const [id, state] of this.#states) if (state.underWay === 0) this.#states.delete(id);
  }
}
