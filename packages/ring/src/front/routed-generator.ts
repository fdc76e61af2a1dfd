import {
  OverloadedError,
  PeerUnreachableError,
  StageError,
  StoppedError,
  StreamLostError,
  untilFirst,
  type Clock,
  type GenerationEvent,
  type GenerationRequest,
  type Logger,
  type TokenGenerator,
} from '@pippa/core';
import { StageRefusedError } from '../chain/stage-connection.ts';
import { SentOnError } from '../sent-on-error.ts';
import { PlacementRefusedError } from '../ring/ring-planner.ts';

/** Finds who generates for a model; asked again whenever one was lost. */
export interface GeneratorRoute {
  /** A ring that answers, brought up if there is none. Throws `PlacementRefusedError`, or why no ring could be had. */
  find(request: GenerationRequest, options: { readonly signal: AbortSignal }): Promise<TokenGenerator>;
}

export interface RoutedGeneratorParts {
  readonly route: GeneratorRoute;
  readonly contextTokens: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a generation that lost its ring is offered to others before its client is told. */
  readonly replaceMs: number;
  /** Pause between two offers. */
  readonly retryMs: number;
}

/**
 * Generates wherever the model runs, and goes on elsewhere when that is lost: all tokens so far are kept here, so the next conductor
 * takes over where the last one stopped. The consumer sees a pause; no token comes twice.
 */
export class RoutedGenerator implements TokenGenerator {
  readonly #parts: RoutedGeneratorParts;

  constructor(parts: RoutedGeneratorParts) {
    this.#parts = parts;
  }

  get contextTokens(): number {
    return this.#parts.contextTokens();
  }

  async *generate(
    request: GenerationRequest,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GenerationEvent, undefined> {
    const { route, clock, logger, replaceMs } = this.#parts;
    const left = new AbortController();
    const until = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    const tokens: number[] = [];
    let lostSinceMs: number | undefined;
    try {
      for (;;) {
        try {
          const generator = await route.find(request, { signal: until });
          for await (const event of generator.generate(continuation(request, tokens), { signal: until })) {
            lostSinceMs = undefined;
            if (event.kind === 'token') tokens.push(event.token);
            yield event;
            if (event.kind === 'end') return;
          }
          throw new StreamLostError('The answer ended in the middle.');
        } catch (error) {
          until.throwIfAborted();
          if (error instanceof SentOnError) continue;
          // Before the first loss these are the client's to know: it may come back later, or ask for less.
          const isWorthWaiting =
            error instanceof OverloadedError || error instanceof PlacementRefusedError || error instanceof StageRefusedError;
          if (isWorthWaiting ? lostSinceMs === undefined : !isLoss(error)) throw error;
          lostSinceMs ??= clock.nowMs();
          if (clock.nowMs() - lostSinceMs >= replaceMs) throw error;
          logger.warn({ err: error, generated: tokens.length }, 'generation lost its ring: placing it again');
          await untilFirst(until, [(done) => clock.schedule(this.#parts.retryMs, done)]);
          until.throwIfAborted();
        }
      }
    } finally {
      left.abort(new StoppedError('The consumer left.'));
    }
  }
}

function continuation(request: GenerationRequest, tokens: readonly number[]): GenerationRequest {
  if (tokens.length === 0) return request;
  const prompt = new Int32Array(request.prompt.length + tokens.length);
  prompt.set(request.prompt);
  prompt.set(tokens, request.prompt.length);
  return { ...request, prompt, alreadyGenerated: (request.alreadyGenerated ?? 0) + tokens.length };
}

function isLoss(error: unknown): boolean {
  return (
    error instanceof StreamLostError ||
    error instanceof PeerUnreachableError ||
    error instanceof StoppedError ||
    error instanceof StageError
  );
}
