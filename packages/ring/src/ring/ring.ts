import {
  errorMessage,
  PippaError,
  StageError,
  StoppedError,
  untilFirst,
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
import { LinkFailedError } from '../chain/stage-connection.ts';
import { createConductor, type Conductor } from '../conductor.ts';
import type { ConductorSnapshot } from '../snapshot.ts';
import { closeAll, nameOf } from './realise.ts';
import { PlacementRefusedError, type RingPlanner } from './ring-planner.ts';
import { EXACT_SHAPES, type RingSettings } from './ring-settings.ts';
import { StageSet, type Linked, type Replacement } from './stage-set.ts';
import { Upkeep } from './upkeep.ts';
import { Watch } from './watch.ts';

export interface RingParts {
  readonly mesh: Mesh;
  readonly planner: RingPlanner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RingSettings;
  /** Its state, place or load changed: for the node card. */
  readonly onChange: () => void;
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
  readonly onProgress?: (fraction: number, message: string) => void;
  readonly signal: AbortSignal;
}

export type RingState = 'loading' | 'ready' | 'recovering' | 'stopped';

/** A recovery, for status and metrics. */
export interface Recovery {
  readonly reason: string;
  /** From the loss to the first step after it, milliseconds. */
  readonly durationMs: number;
  /** Of it: finding places and loading. The rest went into linking, and tries that failed. */
  readonly loadMs: number;
  /** Of it: sending new stages again what they lack, so many positions. */
  readonly replayMs: number;
  readonly replayedRows: number;
}

/** Most recoveries that are remembered. */
const MAX_RECOVERIES = 32;

/** A live placement with its conductor: brings stages up, and replaces those that are lost while its sequences wait. */
export class Ring {
  readonly id: RingId;
  readonly manifest: ModelManifest;
  readonly wish: RingWish;
  readonly recoveries: Recovery[] = [];
  readonly #parts: RingParts;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  #state: RingState = 'loading';
  readonly #stages: StageSet;
  #conductor: Conductor | undefined;
  #chain: RingChain | undefined;
  #watch: Watch | undefined;
  #upkeep: Upkeep | undefined;
  /** Somebody wants it up whether it is used or not. */
  isKept: boolean;
  #lastUsedMs: number;
  #generatedAtLastLook = 0;
  #fruitlessRepairs = 0;
  #generatedAtLoss = -1;

  constructor({ id, manifest, wish, isKept }: RingIdentity, parts: RingParts) {
    this.id = id;
    this.manifest = manifest;
    this.wish = wish;
    this.#parts = parts;
    this.isKept = isKept;
    this.#lastUsedMs = parts.clock.nowMs();
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

  snapshot(): ConductorSnapshot | undefined {
    return this.#conductor?.snapshot();
  }

  /** Somebody waits for tokens of it. */
  get isInUse(): boolean {
    const snapshot = this.snapshot();
    return this.#state !== 'stopped' && snapshot !== undefined && snapshot.running + snapshot.waiting > 0;
  }

  /** How long nobody has used it; 0 while somebody does. To be called now and then: it looks whether something was generated meanwhile. */
  idleMs(): number {
    const snapshot = this.snapshot();
    const nowMs = this.#parts.clock.nowMs();
    const generated = snapshot?.generatedTokens ?? 0;
    const isBusy = this.#state !== 'ready' || this.isInUse;
    if (isBusy || generated !== this.#generatedAtLastLook) this.#lastUsedMs = nowMs;
    this.#generatedAtLastLook = generated;
    return nowMs - this.#lastUsedMs;
  }

  get card(): CardRing {
    const snapshot = this.snapshot();
    const state = this.#state === 'stopped' ? 'recovering' : this.#state;
    return {
      ring: this.id,
      model: this.manifest.id,
      name: this.manifest.name,
      state,
      stages: this.stages.map(({ peer, from, to }) => ({ peer, from, to })),
      ...(this.spares.length > 0 ? { spares: this.spares } : {}),
      contextTokens: this.contextTokens,
      parallelSequences: this.#stages.shape?.parallelSequences ?? this.wish.parallelSequences,
      running: snapshot?.running ?? 0,
      waiting: snapshot?.waiting ?? 0,
      predictedTokensPerSecond: this.#stages.planned?.predictedTokensPerSecond ?? 0,
      measuredTokensPerSecond: measuredRate(snapshot),
    };
  }

  /**
   * Plans (or takes the given placement first), loads and links the stages. Nodes that refuse are left out of the next try. Throws
   * `PlacementRefusedError`, or the signal's reason; nothing stays loaded then.
   */
  async bringUp(placement: readonly PlacedStage[] | undefined, control: BringUpControl): Promise<void> {
    const signal = AbortSignal.any([control.signal, this.#stopped.signal]);
    try {
      const { onProgress } = control;
      await this.#stages.open(placement, { onPlanned: () => this.#parts.onChange(), onProgress, signal });
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
  async vacate(peer: PeerId): Promise<void> {
    const holds = (): boolean => this.#stages.connections.some((connection) => connection.peer === peer);
    if (this.#state !== 'ready' || peer === this.#parts.mesh.self || !holds()) return;
    await this.#move(
      () => this.#stages.openBeside(peer, this.#stopped.signal),
      () => this.#logger.info({ peer }, 'moving stages away from a node that leaves'),
    );
  }

  /**
   * Layers of a node that has become slow go to others, between two answers where there is such a moment soon. What cannot be loaded beside
   * what runs stays where it is.
   */
  async #rebalance(): Promise<void> {
    const planned = this.#stages.rebalance(this.snapshot()?.speed.stageMs ?? []);
    if (planned === undefined) return;
    await this.#move(
      async () => {
        const replacement = await this.#stages.openReplacement(planned, this.#stopped.signal);
        try {
          await this.#untilIdle();
        } catch (error) {
          replacement.discard();
          throw error;
        }
        return replacement;
      },
      () => this.#logger.info({ stages: planned.stages, reasons: planned.reasons }, 'moving layers off a slow node'),
    );
  }

  /** Goes over to stages that are opened beside those there are; the pause is for giving them what those hold. */
  async #move(open: () => Promise<Replacement>, onReady: () => void): Promise<void> {
    const epoch = this.#stages.epoch;
    const replacement = await open();
    if (this.#state !== 'ready' || this.#stages.epoch !== epoch) {
      // Mended meanwhile, for another reason: that placement stands.
      replacement.discard();
      return;
    }
    onReady();
    this.conductor.pause();
    this.#setState('recovering');
    const leaving = replacement.adopt();
    try {
      await this.#relink();
    } catch (error) {
      this.#setState('ready');
      this.#onLost({ error: error as Error, lost: undefined, suspect: undefined });
    }
    closeAll(leaving);
  }

  /** Until nobody waits for tokens, within bounds. */
  async #untilIdle(): Promise<void> {
    const { clock, settings } = this.#parts;
    const sinceMs = clock.nowMs();
    while (this.isInUse && clock.nowMs() - sinceMs < settings.idleWithinMs) {
      await untilFirst(this.#stopped.signal, [(done) => clock.schedule(settings.retryMs, done)]);
    }
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
    this.#watch = new Watch({
      mesh,
      clock,
      overdueMs: settings.overdueMs,
      stages: () => this.#stages.connections,
      oldestStepSinceMs: () => this.#conductor?.oldestStepSinceMs(),
      onOverdue: (connection) => {
        this.#chain?.giveUp(connection, new StageError(`${nameOf(mesh, connection.peer)} does not answer any more.`));
      },
    });
    this.#setState('ready');
    this.#upkeep = this.#keepUp();
    this.#logger.info({ stages: this.stages, reasons: this.reasons }, 'ring is up');
    // Lost between the last link and now, when nobody listened yet.
    if (chain.loss !== undefined) this.#onLost(chain.loss);
  }

  /** What is done beside the answers. */
  #keepUp(): Upkeep {
    const { clock, settings } = this.#parts;
    const whenReady = (run: () => Promise<void> | void) => async (): Promise<void> => {
      if (this.#state === 'ready') await run();
    };
    const chores = [
      { everyMs: settings.lookMs, run: whenReady(() => this.#stages.arrangeSpares(this.#stopped.signal)) },
      { everyMs: settings.checkpointMs, run: whenReady(() => this.#stages.checkpoint(this.conductor.carryOver())) },
    ];
    const onError = (error: unknown): void => this.#logger.debug({ err: error }, 'a chore was left undone');
    const balance = { everyMs: settings.rebalanceMs, run: whenReady(() => this.#rebalance()) };
    return new Upkeep([...(settings.keepsSpares ? chores : []), balance], { clock, onError });
  }

  #onLost(loss: ChainLoss): void {
    if (this.#state !== 'ready' || this.#conductor === undefined) return;
    this.#logger.warn({ err: loss.error, peer: loss.suspect, epoch: this.#stages.epoch }, 'ring broken');
    const generated = this.#conductor.snapshot().generatedTokens;
    this.#fruitlessRepairs = generated === this.#generatedAtLoss ? this.#fruitlessRepairs + 1 : 0;
    this.#generatedAtLoss = generated;
    this.#conductor.pause();
    this.#setState('recovering');
    void this.#recover(loss).catch((error: unknown) => {
      this.#logger.error({ err: error }, 'ring could not be mended');
      this.#conductor?.fail(
        new StageError(`The answer ends here: ${loss.error.message} ${errorMessage(error)}`, {
          cause: error,
          ...(error instanceof PippaError && error.hint !== undefined ? { hint: error.hint } : {}),
        }),
      );
      this.#end();
    });
  }

  async #recover(loss: ChainLoss): Promise<void> {
    const { clock, settings } = this.#parts;
    const since = clock.nowMs();
    const excluded = new Set<PeerId>();
    /** Nodes that the way to could not be opened, and how often. */
    const unlinked = new Map<PeerId, number>();
    this.#giveUp(loss, excluded);
    let failure: unknown = loss.error;
    while (clock.nowMs() - since < settings.recoverMs) {
      this.#stopped.signal.throwIfAborted();
      if (this.#fruitlessRepairs > settings.maxFruitlessRepairs) {
        throw new StageError(`The ring broke ${this.#fruitlessRepairs} times in a row without one token in between.`);
      }
      try {
        const triedMs = clock.nowMs();
        await this.#stages.repair(excluded, this.#stopped.signal);
        const loadMs = clock.nowMs() - triedMs;
        const { replayMs, replayedRows } = await this.#relink();
        this.recoveries.push({ reason: loss.error.message, durationMs: clock.nowMs() - since, loadMs, replayMs, replayedRows });
        if (this.recoveries.length > MAX_RECOVERIES) this.recoveries.shift();
        return;
      } catch (error) {
        this.#stopped.signal.throwIfAborted();
        failure = error;
        this.#logger.warn({ err: error }, 'ring not mended yet');
        const before = this.#stages.connections.length;
        await this.#stages.dropLost();
        const isLess = this.#stages.connections.length < before;
        const suspect = error instanceof LinkFailedError ? error.suspect : undefined;
        // Rather a way that may come back than nobody at all.
        if (error instanceof PlacementRefusedError) unlinked.clear();
        if (suspect !== undefined) unlinked.set(suspect, (unlinked.get(suspect) ?? 0) + 1);
        // The way to a dead node often breaks before its own stream does: now that it is known to be gone, there is nothing to wait for.
        if (!isLess) await this.#untilSomethingChanges();
        // Who refused may be fine by now. Whom a neighbour cannot reach is done without, as far as others have room.
        excluded.clear();
        for (const [peer, times] of unlinked) if (times >= 2) this.#doWithout(peer, excluded);
      }
    }
    throw failure;
  }

  #doWithout(peer: PeerId, excluded: Set<PeerId>): void {
    if (peer === this.#parts.mesh.self) return;
    excluded.add(peer);
    const theirs = this.#stages.connections.filter((connection) => connection.peer === peer);
    this.#stages.abandon(theirs, new StageError('Its neighbour cannot reach it.'));
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

  /** The stage that is lost goes; where none is, a node that was at fault twice in a row does. */
  #giveUp({ lost, suspect, error, spoiled }: ChainLoss, excluded: Set<PeerId>): void {
    if (this.#fruitlessRepairs > 0) this.#stages.distrust();
    else if (spoiled !== undefined) this.#stages.distrust(spoiled);
    const guilty = this.#stages.connections.filter(
      (connection) => connection === lost || (lost === undefined && this.#fruitlessRepairs > 0 && connection.peer === suspect),
    );
    for (const { peer } of guilty) if (peer !== this.#parts.mesh.self) excluded.add(peer);
    this.#stages.abandon(guilty, new StageError(`The stage was given up: ${error.message}`));
  }

  async #untilSomethingChanges(): Promise<void> {
    const { mesh, clock, settings } = this.#parts;
    await untilFirst(this.#stopped.signal, [
      (done) =>
        mesh.onPeersChanged((peer) => {
          if (peer.state === 'alive') done();
        }),
      (done) => clock.schedule(settings.retryMs, done),
    ]);
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
    this.#watch?.stop();
    this.#upkeep?.stop();
    this.#stages.close();
    this.#setState('stopped');
  }
}

/** Tokens a second of one stream, from the time of the smallest decode steps; 0 before the first. */
function measuredRate(snapshot: ConductorSnapshot | undefined): number {
  const ms = snapshot?.speed.decodeStepMs[0]?.ms ?? 0;
  return ms > 0 ? 1000 / ms : 0;
}
