import {
  ringId,
  StoppedError,
  untilSettledOrAborted,
  type CardRing,
  type Clock,
  type DirectDoor,
  type FrameStream,
  type Logger,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type PeerId,
  type RingId,
  type Startable,
} from '@pippa/core';
import {
  GENERATE_PROTOCOL,
  parseRingCommand,
  RING_LIMITS,
  RING_PROTOCOL,
  type PlacedStage,
  type RingReportInput,
  type RingWish,
} from '@pippa/protocol';
import { describeError } from '../front/wire-errors.ts';
import { serveGeneration } from '../front/serve-generation.ts';
import type { RingStep } from '../chain/ring-chain.ts';
import { Ring, type BringUpControl } from './ring.ts';
import type { RingPlanner } from './ring-planner.ts';
import type { RingSettings } from './ring-settings.ts';

export interface RingManagerParts {
  readonly mesh: Mesh;
  readonly planner: RingPlanner;
  /** What placing a model needs to know of it; throws for one that nobody has. */
  readonly manifestOf: (model: { readonly id: ModelId; readonly name: string }, signal: AbortSignal) => Promise<ModelManifest>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  readonly newRingId: () => string;
  /** The rings of this node changed: for the node card. */
  readonly onRingsChanged: (rings: readonly CardRing[]) => void;
  /** A ring that somebody wants to stay ended because it could not be mended. */
  readonly onGivenUp?: (wish: RingWish) => void;
  /** Remembers the rings that shall come back after a restart. */
  readonly journal?: RingJournal;
  /** Told what every step took. */
  readonly onStep?: (step: RingStep) => void;
  /** See `RingParts`. */
  readonly door?: DirectDoor;
}

/** The rings that somebody wants up until they are taken down, whatever happens to this node. Crash-safe. */
export interface RingJournal {
  remember(wish: RingWish): void;
  forget(model: ModelId): void;
}

interface ComingUp {
  readonly ring: Ring;
  readonly done: Promise<void>;
  readonly listeners: Set<(fraction: number, message: string) => void>;
}

/** Rings that this node conducts: brought up, found and taken down, by itself or for its peers. */
export class RingManager implements Startable {
  readonly #parts: RingManagerParts;
  readonly #logger: Logger;
  readonly #rings = new Map<RingId, Ring>();
  readonly #comingUp = new Map<ModelId, ComingUp>();
  readonly #stopped = new AbortController();
  #stopHandling: (() => void)[] = [];

  constructor(parts: RingManagerParts) {
    this.#parts = parts;
    this.#logger = parts.logger.child({ scope: 'rings' });
  }

  async start(): Promise<void> {
    if (this.#stopHandling.length > 0) return;
    const { mesh } = this.#parts;
    this.#stopHandling = [
      mesh.handle(RING_PROTOCOL, (stream) => this.#onCommand(stream)),
      mesh.handle(GENERATE_PROTOCOL, (stream) =>
        serveGeneration(stream, {
          find: ({ model, ring }) => (ring === undefined ? this.find(model) : this.#rings.get(ring))?.conductor,
          logger: this.#logger,
        }),
      ),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new StoppedError('The agent stops.'));
    await Promise.all([...this.#comingUp.values()].map(({ done }) => done.catch(() => {})));
    await Promise.all([...this.#rings.values()].map((ring) => ring.stop()));
    for (const stopHandling of this.#stopHandling.splice(0)) stopHandling();
  }

  get rings(): readonly Ring[] {
    return [...this.#rings.values()];
  }

  /** A ring of the model that answers, or will once it is mended. */
  find(model: ModelId): Ring | undefined {
    return this.rings.find((ring) => ring.manifest.id === model && (ring.state === 'ready' || ring.state === 'recovering'));
  }

  /**
   * The ring of the wish's model: the one there is, the one that is coming up, or a new one. `placement` is tried first where it is given.
   * Giving `signal` stops the waiting, not the ring. Throws `PlacementRefusedError` or why a stage could not be had.
   */
  async bringUp(wish: RingWish, placement: readonly PlacedStage[] | undefined, control: BringUpControl): Promise<Ring> {
    this.#stopped.signal.throwIfAborted();
    control.signal.throwIfAborted();
    const there = this.find(wish.model.id);
    if (there !== undefined) {
      there.isKept ||= wish.keep ?? false;
      if (wish.desired === true) this.#parts.journal?.remember({ ...there.wish, keep: true, desired: true });
      return there;
    }
    const coming = this.#comingUp.get(wish.model.id) ?? (await this.#begin(wish, placement, control));
    const { onProgress, signal } = control;
    if (onProgress !== undefined) coming.listeners.add(onProgress);
    try {
      await untilSettledOrAborted(coming.done, signal);
      return coming.ring;
    } finally {
      if (onProgress !== undefined) coming.listeners.delete(onProgress);
    }
  }

  /** Takes down what nobody has used for so long. To be called now and then. */
  async takeDownIdle(keepAliveMs: number): Promise<void> {
    for (const ring of this.rings) {
      // While one goes another may have been asked for.
      if (ring.idleMs() < keepAliveMs || ring.isKept || ring.state !== 'ready') continue;
      this.#logger.info({ model: ring.manifest.name, idleMs: ring.idleMs() }, 'nobody has used the ring: taking it down');
      await this.takeDown(ring.id, { forget: false });
    }
  }

  /**
   * Lets answers end, then unloads the ring's stages everywhere. `forget`: it shall not come back by itself. False: there is no such
   * ring here.
   */
  async takeDown(id: RingId, { forget }: { readonly forget: boolean }): Promise<boolean> {
    const ring = this.#rings.get(id);
    if (ring === undefined) return false;
    if (forget) this.#parts.journal?.forget(ring.manifest.id);
    await ring.stop();
    this.#rings.delete(id);
    this.#tell();
    return true;
  }

  async #begin(
    wish: RingWish,
    placement: readonly PlacedStage[] | undefined,
    { reasons, signal }: Pick<BringUpControl, 'reasons' | 'signal'>,
  ): Promise<ComingUp> {
    const manifest = await this.#parts.manifestOf(wish.model, signal);
    const other = this.#comingUp.get(wish.model.id);
    if (other !== undefined) return other;
    const { mesh, planner, clock, settings, newRingId, onStep } = this.#parts;
    const ring = new Ring(
      { id: ringId(newRingId()), manifest, wish, isKept: wish.keep ?? false },
      {
        mesh,
        planner,
        clock,
        logger: this.#parts.logger,
        settings,
        door: this.#parts.door,
        onChange: () => this.#onChange(ring),
        onGivenUp: () => {
          if (ring.isKept) this.#parts.onGivenUp?.({ ...ring.wish, keep: true });
        },
        ...(onStep === undefined ? {} : { onStep }),
      },
    );
    const listeners: ComingUp['listeners'] = new Set();
    const done = ring.bringUp(placement, {
      ...(reasons === undefined ? {} : { reasons }),
      signal: this.#stopped.signal,
      onProgress: (fraction, message) => {
        for (const listener of listeners) listener(fraction, message);
      },
    });
    const coming: ComingUp = { ring, done, listeners };
    this.#comingUp.set(wish.model.id, coming);
    this.#rings.set(ring.id, ring);
    done.then(
      () => {
        this.#comingUp.delete(wish.model.id);
        if (wish.desired === true) this.#parts.journal?.remember(wish);
      },
      (error: unknown) => {
        this.#comingUp.delete(wish.model.id);
        this.#rings.delete(ring.id);
        this.#tell();
        // Whoever asked for it is told.
        this.#logger.info({ err: error, model: manifest.name }, 'ring did not come up');
      },
    );
    this.#tell();
    return coming;
  }

  #onChange(ring: Ring): void {
    if (ring.state === 'stopped' && !this.#comingUp.has(ring.manifest.id)) this.#rings.delete(ring.id);
    this.#tell();
  }

  #tell(): void {
    this.#parts.onRingsChanged(this.rings.map((ring) => ring.card));
  }

  #onCommand(stream: FrameStream): void {
    const controller = new AbortController();
    void stream.closed.then(() => controller.abort(new StoppedError('Nobody waits for the ring any more.')));
    const report = (message: RingReportInput): void => void stream.send(message).catch(() => {});
    stream.onFrame(({ header }) => {
      void this.#obey(header, stream.peer, report, controller.signal)
        .catch((error: unknown) => {
          const { code, message, hint } = describeError(error);
          report({ kind: 'refused', code, message, ...(hint === undefined ? {} : { hint }) });
        })
        .finally(() => void stream.close());
    });
  }

  async #obey(header: unknown, from: PeerId, report: (message: RingReportInput) => void, signal: AbortSignal): Promise<void> {
    const command = parseRingCommand(header);
    if (command.kind === 'down') {
      await this.takeDown(command.ring, command);
      report({ kind: 'down' });
      return;
    }
    if (command.kind === 'vacate') {
      await this.#rings.get(command.ring)?.vacate(from);
      report({ kind: 'down' });
      return;
    }
    const ring = await this.bringUp(command.wish, command.placement, {
      ...(command.reasons === undefined ? {} : { reasons: command.reasons }),
      signal,
      onProgress: (fraction, message) => report({ kind: 'progress', fraction: Math.min(1, fraction), message }),
    });
    report({ kind: 'up', ring: ring.id, reasons: ring.reasons.slice(0, RING_LIMITS.reasons) });
  }
}
