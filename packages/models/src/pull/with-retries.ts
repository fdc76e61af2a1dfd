import { errorMessage, type Clock, type Logger } from '@pippa/core';
import { DownloadFailedError } from '../errors.ts';
import { sleep } from '../swarm/pacer.ts';
import { PULL_LIMITS } from './limits.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** 429, 5xx and the like: worth another attempt. */
export class BusyServerError extends DownloadFailedError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined) {
    super(message, { hint: 'Run the same command again in a while: it goes on where it stopped.' });
    this.name = 'DownloadFailedError';
    this.retryAfterMs = retryAfterMs;
  }
}

/** Tries again with growing pauses; attempts that brought something do not count. */
export async function withRetries<Result>(
  url: URL,
  options: RetryOptions,
  attempt: () => Promise<Result>,
  progress: () => number = () => 0,
): Promise<Result> {
  let left: number = PULL_LIMITS.attempts;
  let pauseMs: number = PULL_LIMITS.firstPauseMs;
  for (;;) {
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof DownloadFailedError)) throw error;
      if (progress() > before) {
        left = PULL_LIMITS.attempts;
        pauseMs = PULL_LIMITS.firstPauseMs;
      }
      left -= 1;
      const retryAfterMs = error instanceof BusyServerError ? error.retryAfterMs : undefined;
      if (left <= 0 || (retryAfterMs ?? 0) > PULL_LIMITS.longestRetryAfterMs) throw error;
      options.logger.debug({ host: url.host, error: errorMessage(error), attemptsLeft: left }, 'a download is taken up again');
      await sleep(retryAfterMs ?? pauseMs, options.clock, options.signal);
      pauseMs = Math.min(PULL_LIMITS.longestPauseMs, pauseMs * 2);
    }
  }
}
