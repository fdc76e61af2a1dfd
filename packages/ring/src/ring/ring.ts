import {
  errorMessage,
  PippaError,
  StageError,
  StoppedError,
  nameOf,
  type CardRing,
  type Clock,
  type DirectDoor,
  type Logger,
  type Mesh,
  type ModelManifest,
  type PeerId,
  type RingId,
  type StageChain,
} from '@pippa/core';
import type { PlacedStage, RingWish } from '@pippa/protocol';
import { observeChain } from '../chain/observe-chain.ts';
import type { ChainLoss, RingChain, RingStep } from '../chain/ring-chain.ts';
import { createConductor, type Conductor } from '../conductor.ts';
import type { ConductorSnapshot } from '../snapshot.ts';
import { takeCare } from './caretaker.ts';
import { IdleTime } from './idle-time.ts';
import { Mender, type Recovery } from './mender.ts';
import { Mover } from './mover.ts';
import { ringCard } from './ring-card.ts';
import type { RingPlanner } from './ring-planner.ts';
import { EXACT_SHAPES, type RingSettings } from './ring-settings.ts';
import type { Linked } from './linker.ts';
import { StageSet } from './stage-set.ts';
import { givesWay } from './rival-rings.ts';

export interface RingParts {
  readonly mesh: Mesh;
  readonly planner: RingPlanner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  /** Its state, place or load changed: for the node card. */
  readonly onChange: () => void;
  /** It ended because it could not be mended. */
  readonly onGivenUp?: () => void;
  readonly onStep?: (step: RingStep) => void;
  /** Takes results of stages on other nodes past the mesh; left out: they come over its streams. */
  readonly door?: DirectDoor | undefined;
}

export interface RingIdentity {
  readonly id: RingId;
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  /** Not taken down for being idle. */
  readonly isKept: boolean;
}

export interface BringUpControl {
  /** Why a placement that is given is as it is, in words. */
  readonly reasons?: readonly string[];
  readonly onProgress?: (fraction: number, message: string) => void;
  readonly signal: AbortSignal;
}

export type RingState = 'loading' | 'ready' | 'recovering' | 'stopped';

/** A live placement with its conductor: brings stages up, and replaces those that are lost while its sequences wait. */
export class Ring {
  readonly id: RingId;
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  readonly #parts: RingParts;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #state: RingState = 'loading';
  #loadedFraction = 0;
  readonly #stages: StageSet;
  readonly #mender: Mender;
  readonly #mover: Mover;
  #conductor: Conductor | undefined;
  #chain: RingChain | undefined;
  #stopCare: (() => void) | undefined;
  /** Somebody wants it up whether it is used or not. */
  isKept: boolean;
  readonly #idleTime: IdleTime;

  constructor({ id, manifest, wish, isKept }: RingIdentity, parts: RingParts) {
    this.id = id;
    this.manifest = manifest;
    this.wish = wish;
    this.#parts = parts;
    this.isKept = isKept;
    this.#idleTime = new IdleTime(parts.clock);
    this.#logger = parts.logger.child({ scope: 'ring', ring: id, model: manifest.name });
    const { mesh, planner, clock, settings, door } = parts;
    this.#stages = new StageSet({
      ring: id,
      manifest,
      wish,
      mesh,
      planner,
      clock,
      linkMs: settings.linkMs,
      door,
      checkpointTokens: settings.checkpointTokens,
      onSparesChanged: () => {
        this.#logger.info({ spares: this.spares }, 'spares changed');
        parts.onChange();
      },
    });
    const beside = { stages: this.#stages, mesh, clock, settings, logger: this.#logger, signal: this.#stopped.signal };
    this.#mender = new Mender({
      ...beside,
      relink: () => this.#relink(),
      onMended: () => parts.onChange(),
      shallGiveWay: () => givesWay(this.card, ringsOfOthers(mesh)),
    });
    this.#mover = new Mover({
      ...beside,
      isReady: () => this.#state === 'ready',
      isInUse: () => this.isInUse,
      stageMs: () => this.snapshot()?.speed.stageMs ?? [],
      goOver: (adopt) => this.#goOver(adopt),
    });
  }

  get state(): RingState {
    return this.#state;
  }

  /** Throws a `StoppedError` before the ring is up. */
  get conductor(): Conductor {
    if (this.#conductor === undefined) throw new StoppedError(`${this.manifest.name} is not up yet.`);
    return this.#conductor;
  }

  get contextTokens(): number {
    return this.#stages.shape?.contextTokens ?? 0;
  }

  /** What the first stage computes on: `Metal`, `CUDA0`, `CPU` ... */
  get backend(): string | undefined {
    return this.#stages.connections[0]?.info.backend;
  }

  get stages(): readonly PlacedStage[] {
    return this.#stages.planned?.stages ?? [];
  }

  /** Second copies of some of its stages. */
  get spares(): readonly PlacedStage[] {
    return this.#stages.spares.placed;
  }

  /** Why its stages are where they are, in words. */
  get reasons(): readonly string[] {
    return this.#stages.planned?.reasons ?? [];
  }

  /** How often it was mended. */
  get timesMended(): number {
    return this.#mender.times;
  }

  /** How it was mended, the last times. */
  get recoveries(): readonly Recovery[] {
    return this.#mender.recoveries;
  }

  snapshot(): ConductorSnapshot | undefined {
    return this.#conductor?.snapshot();
  }

  /** Somebody waits for tokens of it. */
  get isInUse(): boolean {
    const snapshot = this.snapshot();
    return this.#state !== 'stopped' && snapshot !== undefined && snapshot.running + snapshot.waiting > 0;
  }

  /** How long nobody has used it, milliseconds; 0 while somebody does. */
  idleMs(): number {
    const isBusy = this.#state !== 'ready' || this.isInUse;
    return this.#idleTime.look({ isBusy, lastTokenMs: this.#conductor?.lastTokenMs });
  }

  get card(): CardRing {
    return ringCard({
      identity: this,
      state: this.#state,
      stages: this.#stages,
      loadedFraction: this.#loadedFraction,
      snapshot: this.snapshot(),
      timesMended: this.timesMended,
      lastUsedMs: this.#idleTime.lastUsedMinute,
    });
  }

  /**
   * Plans (or takes the given placement first), loads and links the stages. Nodes that refuse are left out of the next try. Throws
   * `PlacementRefusedError`, or the signal's reason; nothing stays loaded then.
   */
  async bringUp(placement: readonly PlacedStage[] | undefined, control: BringUpControl): Promise<void> {
    const signal = AbortSignal.any([control.signal, this.#stopped.signal]);
    try {
      const onProgress = (fraction: number, message: string): void => {
        this.#loadedFraction = fraction;
        control.onProgress?.(fraction, message);
      };
      const suggested = placement && { stages: placement, reasons: control.reasons ?? [] };
      await this.#stages.open(suggested, { onPlanned: () => this.#parts.onChange(), onProgress, signal });
      await this.#start(signal);
    } catch (error) {
      this.#state = 'stopped';
      this.#stages.close(new StageError('The ring did not come up.'));
      this.#parts.onChange();
      signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Has the stages of a node that is about to leave taken over by others, which load while answers go on; what follows is a pause for
   * computing the sequences again. Throws `PlacementRefusedError` when nobody has room, or why the others could not load.
   */
  vacate(peer: PeerId): Promise<void> {
    return this.#mover.vacate(peer);
  }

  /** Lets answers end within the conductor's bound, then unloads the stages. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const reason = new StoppedError(`${this.manifest.name} was taken down.`);
    // What waits for a ring to be mended would wait in vain.
    if (this.#state === 'ready') await this.#conductor?.stop();
    this.#stopped.abort(reason);
    this.#conductor?.fail(reason);
    this.#end();
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { settings, clock, logger, mesh } = this.#parts;
    const { chain } = await this.#stages.link((loss) => this.#onLost(loss), {
      kept: new Map(),
      versions: new Map(),
      lastStep: 0,
      journals: this.wish.exactReplay !== true,
    });
    signal.throwIfAborted();
    this.#chain = chain;
    this.#conductor = createConductor({
      chain: this.#observed(chain),
      settings: {
        ...settings.conductor,
        contextTokens: this.contextTokens,
        ...(this.wish.exactReplay === true ? { fixedShapes: EXACT_SHAPES } : {}),
      },
      clock,
      logger: logger.child({ scope: 'ring' }),
      // The chain's own word says which stage it was.
      onChainLost: () => {},
    });
    await this.#conductor.start();
    this.#setState('ready');
    this.#stopCare = takeCare({
      ...this.#parts,
      logger: this.#logger,
      stages: this.#stages,
      mover: this.#mover,
      conductor: this.#conductor,
      isReady: () => this.#state === 'ready',
      onOverdue: (connection) => {
        this.#chain?.giveUp(connection, new StageError(`${nameOf(mesh, connection.peer)} does not answer any more.`));
      },
      signal: this.#stopped.signal,
    });
    this.#logger.info({ stages: this.stages, reasons: this.reasons }, 'ring is up');
    // Lost between the last link and now, when nobody listened yet.
    if (chain.loss !== undefined) this.#onLost(chain.loss);
  }

  #onLost(loss: ChainLoss): void {
    if (this.#state !== 'ready' || this.#conductor === undefined) return;
    const node = loss.suspect === undefined ? {} : { node: nameOf(this.#parts.mesh, loss.suspect) };
    this.#logger.warn({ err: loss.error, ...node, epoch: this.#stages.epoch }, 'ring broken');
    const { generatedTokens } = this.#conductor.snapshot();
    this.#conductor.pause();
    this.#setState('recovering');
    void this.#mender.mend(loss, generatedTokens).catch((error: unknown) => {
      this.#logger.error({ err: error }, 'ring could not be mended');
      this.#conductor?.fail(
        new StageError(`The answer ends here: ${loss.error.message} ${errorMessage(error)}`, {
          cause: error,
          ...(error instanceof PippaError && error.hint !== undefined ? { hint: error.hint } : {}),
        }),
      );
      this.#end();
      this.#parts.onGivenUp?.();
    });
  }

  /** Goes on over the stages there are now. */
  async #relink(): Promise<Linked> {
    const linked = await this.#stages.link((loss) => this.#onLost(loss), this.conductor.carryOver());
    const { chain, carried } = linked;
    this.#chain = chain;
    this.conductor.resume(this.#observed(chain), carried);
    this.#setState('ready');
    this.#logger.info({ stages: this.stages, epoch: this.#stages.epoch }, 'ring goes on');
    if (chain.loss !== undefined) this.#onLost(chain.loss);
    return linked;
  }

  async #goOver(adopt: () => void): Promise<void> {
    this.conductor.pause();
    this.#setState('recovering');
    adopt();
    try {
      await this.#relink();
    } catch (error) {
      // It may have been taken down meanwhile.
      this.#stopped.signal.throwIfAborted();
      this.#setState('ready');
      this.#onLost({ error: error as Error, lost: undefined, suspect: undefined });
    }
  }

  #observed(chain: RingChain): StageChain {
    const { onStep, clock } = this.#parts;
    return onStep === undefined ? chain : observeChain(chain, this.manifest.name, { clock, onStep });
  }

  #setState(state: RingState): void {
    this.#state = state;
    this.#parts.onChange();
  }

  #end(): void {
    if (this.#state === 'stopped') return;
    // What is still being loaded beside it goes with it.
    this.#stopped.abort(new StoppedError(`${this.manifest.name} was taken down.`));
    this.#stopCare?.();
    this.#stages.close();
    this.#setState('stopped');
  }
}

/** What living peers conduct. */
function ringsOfOthers(mesh: Mesh): CardRing[] {
  return mesh.peers().flatMap(({ state, card }) => (state === 'alive' ? [...(card?.rings ?? [])] : []));
}
