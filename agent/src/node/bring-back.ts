import { errorMessage, StoppedError, untilFirst, type Clock, type Logger, type Mesh } from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import type { RingRouter } from '@pippa/ring';

/** Between two tries while nothing changes in the mesh; each is twice as long as the one before. */
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

/** Brings rings up that there is no room for yet, for as long as it takes: the nodes of a house do not start at the same moment. */
export class BringBack {
  readonly #parts: { readonly mesh: Mesh; readonly router: RingRouter; readonly clock: Clock; readonly logger: Logger };
  readonly #stopped = new AbortController();

  constructor(parts: { readonly mesh: Mesh; readonly router: RingRouter; readonly clock: Clock; readonly logger: Logger }) {
    this.#parts = parts;
  }

  /** Settles when there is a ring; never after `stop`, or when `signal` was given. */
  begin(wish: RingWish, signal?: AbortSignal): Promise<void> {
    const until = signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal]);
    return new Promise((settle) => {
      this.#bringBack(wish, until).then(settle, (error: unknown) => {
        if (!until.aborted) this.#parts.logger.error({ scope: 'rings', err: error }, 'a ring will not come up');
      });
    });
  }

  stop(): void {
    this.#stopped.abort(new StoppedError('The agent stops.'));
  }

  async #bringBack(wish: RingWish, signal: AbortSignal): Promise<void> {
    const { router, logger } = this.#parts;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)) {
      try {
        if (wish.isCopy === true) await router.bringUpCopy(wish, { signal });
        else await router.find(wish, { signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        logger.info({ scope: 'rings', model: wish.model.name, error: errorMessage(error) }, 'a ring cannot come up yet');
        await this.#untilSomebodyCame(retryMs, signal);
      }
    }
  }

  async #untilSomebodyCame(atMostMs: number, signal: AbortSignal): Promise<void> {
    const { mesh, clock } = this.#parts;
    const known = new Set(mesh.peers().map((peer) => `${peer.id} ${peer.state}`));
    await untilFirst(signal, [
      (done) =>
        mesh.onPeersChanged((peer) => {
          if (peer.state === 'alive' && !known.has(`${peer.id} alive`)) done();
        }),
      (done) => clock.schedule(atMostMs, done),
    ]);
  }
}
