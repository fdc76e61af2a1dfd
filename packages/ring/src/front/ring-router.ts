import {
  StoppedError,
  StreamLostError,
  type CardRing,
  type Clock,
  type Logger,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type PeerId,
  type TokenGenerator,
} from '@pippa/core';
import { parseRingReport, RING_PROTOCOL, type RingCommand, type RingWish } from '@pippa/protocol';
import { planWithShape } from '../ring/choose-shape.ts';
import { nameOf } from '../ring/realise.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import { PlacementRefusedError, type RingPlanner } from '../ring/ring-planner.ts';
import { RemoteGenerator } from './remote-generator.ts';
import { reviveError } from './wire-errors.ts';

export interface BringUpProgress {
  readonly fraction: number;
  readonly message: string;
}

interface ComingUp {
  progress: BringUpProgress;
  readonly done: Promise<void>;
  readonly listeners: Set<(progress: BringUpProgress) => void>;
}

export interface BringUpOptions {
  readonly onProgress?: ((progress: BringUpProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A ring somewhere in the mesh. */
export interface KnownRing {
  readonly conductor: PeerId;
  readonly card: CardRing;
}

/** A node card reaches its peers within a second. */
const SEEN_WITHIN_MS = 5000;

export interface RingRouterParts {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly manager: RingManager;
  readonly planner: RingPlanner;
  readonly logger: Logger;
  readonly manifestOf: (model: RingWish['model'], signal: AbortSignal) => Promise<ModelManifest>;
}

/** Finds the rings of the mesh, and has one brought up where there is none. */
export class RingRouter {
  readonly #parts: RingRouterParts;
  readonly #comingUp = new Map<ModelId, ComingUp>();

  readonly #stopped = new AbortController();

  constructor(parts: RingRouterParts) {
    this.#parts = parts;
  }

  /** Nobody waits for rings any more. */
  stop(): void {
    this.#stopped.abort(new StoppedError('The agent stops.'));
  }

  /** All rings of the mesh that can be asked, or will be soon. */
  rings(): readonly KnownRing[] {
    const { mesh, manager } = this.#parts;
    const own = manager.rings.map((ring) => ({ conductor: mesh.self, card: ring.card }));
    const others = mesh
      .peers()
      .filter((peer) => peer.state !== 'dead')
      .flatMap((peer) => (peer.card?.rings ?? []).map((card) => ({ conductor: peer.id, card })));
    return [...own, ...others];
  }

  /** How far the model's ring is that somebody waits for here; undefined: nobody does. */
  progressOf(model: ModelId): BringUpProgress | undefined {
    return this.#comingUp.get(model)?.progress;
  }

  /** Whom to ask: the least busy ring of the model, this node's own among equals, brought up if there is none. */
  async find(wish: RingWish, options: BringUpOptions): Promise<TokenGenerator> {
    const found = this.#choose(wish.model.id);
    if (found !== undefined) return found;
    await this.bringUp(wish, options);
    const brought = this.#choose(wish.model.id);
    // The conductor's card may be a moment behind its word.
    if (brought === undefined) throw new StreamLostError(`The ring of ${wish.model.name} is not to be seen yet.`);
    return brought;
  }

  /** Brings a ring up wherever the planner wants it. Leaving early does not take it down. Throws why it could not be had. */
  async bringUp(wish: RingWish, { onProgress, signal }: BringUpOptions): Promise<void> {
    signal.throwIfAborted();
    const coming = this.#comingUp.get(wish.model.id) ?? this.#begin(wish);
    if (onProgress !== undefined) coming.listeners.add(onProgress);
    try {
      await untilSettledOrAborted(coming.done, signal);
    } finally {
      if (onProgress !== undefined) coming.listeners.delete(onProgress);
    }
  }

  #begin(wish: RingWish): ComingUp {
    const { id, name } = wish.model;
    const listeners: ComingUp['listeners'] = new Set();
    const done = this.#bringUp(wish, this.#stopped.signal, (progress) => {
      coming.progress = progress;
      for (const listener of listeners) listener(progress);
    }).finally(() => this.#comingUp.delete(id));
    done.catch(() => {});
    const coming: ComingUp = { progress: { fraction: 0, message: `looking for a place for ${name}` }, done, listeners };
    this.#comingUp.set(id, coming);
    return coming;
  }

  async #bringUp(wish: RingWish, signal: AbortSignal, onProgress: (progress: BringUpProgress) => void): Promise<void> {
    const { mesh, manager, planner, manifestOf, logger } = this.#parts;
    const manifest = await manifestOf(wish.model, signal);
    const unreachable = new Set<PeerId>();
    for (;;) {
      const { planned } = planWithShape(manifest, wish, (shape) => planner.place({ manifest, wish, shape, excluded: unreachable }));
      const conductor = planned.stages[0]?.peer;
      if (conductor === undefined) throw new PlacementRefusedError(`No stages were planned for ${manifest.name}.`);
      if (conductor === mesh.self) {
        await manager.bringUp(wish, planned.stages, {
          signal,
          onProgress: (fraction, message) => onProgress({ fraction, message }),
        });
        return;
      }
      try {
        await this.#askFor(conductor, { kind: 'up', wish, placement: [...planned.stages] }, signal, onProgress);
        await this.#untilSeen(conductor, manifest.id, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof StreamLostError) && (error as { code?: unknown }).code !== 'peer_unreachable') throw error;
        logger.warn({ err: error, conductor }, 'the node that should conduct is gone');
        unreachable.add(conductor);
      }
    }
  }

  /** Takes a ring down, here or on the node that conducts it. Throws when that node cannot be reached. */
  async takeDown({ conductor, card }: KnownRing, signal: AbortSignal): Promise<void> {
    const { mesh, manager } = this.#parts;
    if (conductor === mesh.self) await manager.takeDown(card.ring);
    else await this.#askFor(conductor, { kind: 'down', ring: card.ring }, signal, () => {});
  }

  #choose(model: ModelId): TokenGenerator | undefined {
    const { mesh, manager } = this.#parts;
    const candidates = this.rings()
      .filter(({ card }) => card.model === model && card.state !== 'loading')
      .toSorted((a, b) => stateRank(a.card) - stateRank(b.card) || load(a.card) - load(b.card));
    const [best] = candidates;
    if (best === undefined) return undefined;
    if (best.conductor === mesh.self) return manager.find(model)?.conductor;
    return new RemoteGenerator(mesh, { peer: best.conductor, ring: best.card.ring, model }, best.card.contextTokens);
  }

  async #askFor(
    conductor: PeerId,
    command: RingCommand,
    signal: AbortSignal,
    onProgress: (progress: BringUpProgress) => void,
  ): Promise<void> {
    const { mesh } = this.#parts;
    const stream = await mesh.open(conductor, RING_PROTOCOL, { signal });
    const onAbort = (): void => void stream.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        stream.onFrame(({ header }) => {
          try {
            const report = parseRingReport(header);
            if (report.kind === 'progress') onProgress({ fraction: report.fraction, message: report.message });
            else if (report.kind === 'refused') reject(refusal(report));
            else resolve();
          } catch (error) {
            reject(error);
          }
        });
        void stream.closed.then((error) =>
          reject(error ?? new StreamLostError(`${nameOf(mesh, conductor)} left before the ring was up.`)),
        );
        stream.send(command).catch(reject);
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
      await stream.close().catch(() => {});
    }
  }

  /** The conductor's card travels on its own: waits until the ring is on it. */
  async #untilSeen(conductor: PeerId, model: ModelId, signal: AbortSignal): Promise<void> {
    const { mesh, clock } = this.#parts;
    const isThere = (): boolean =>
      this.rings().some((ring) => ring.conductor === conductor && ring.card.model === model && ring.card.state !== 'loading');
    if (isThere()) return;
    const seen = Promise.withResolvers<void>();
    const stopListening = mesh.onPeersChanged((peer) => {
      if (isThere()) seen.resolve();
      else if (peer.id === conductor && peer.state === 'dead') seen.reject(new StreamLostError('The conductor was lost.'));
    });
    const cancelTimer = clock.schedule(SEEN_WITHIN_MS, () => {
      seen.reject(new StreamLostError(`${nameOf(mesh, conductor)} does not tell of the ring it brought up.`));
    });
    try {
      await untilSettledOrAborted(seen.promise, signal);
    } finally {
      stopListening();
      cancelTimer();
    }
  }
}

function refusal(report: { readonly code: string; readonly message: string; readonly hint?: string | undefined }): Error {
  const options = report.hint === undefined ? {} : { hint: report.hint };
  if (report.code === 'placement_refused') return new PlacementRefusedError(report.message, options);
  return reviveError({ code: report.code, message: report.message, ...options }, { promptTokens: 0, contextTokens: 0 });
}

function stateRank(card: CardRing): number {
  return card.state === 'ready' ? 0 : 1;
}

function load(card: CardRing): number {
  return (card.running + card.waiting) / card.parallelSequences;
}

async function untilSettledOrAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
