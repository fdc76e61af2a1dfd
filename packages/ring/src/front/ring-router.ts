import {
  StoppedError,
  StreamLostError,
  untilFirst,
  nameOf,
  type Clock,
  type GenerationRequest,
  type LoadProgress,
  type Logger,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type PeerId,
  type RingId,
  type TokenGenerator,
} from '@pippa/core';
import { chooseRing, type RingCandidate, type SoloOption } from '@pippa/planner';
import type { RingWish } from '@pippa/protocol';
import { StageRefusedError } from '../chain/stage-connection.ts';
import type { RingManager } from '../ring/ring-manager.ts';
import { PlacementRefusedError, type PlannedRing, type RingPlanner } from '../ring/ring-planner.ts';
import { bringUpCopy } from './bring-up-copy.ts';
import { BringUps, type BringUpOptions, type BringUpProgress, type ModelComingUp } from './bring-ups.ts';
import { askConductor, isConductorsOwn, isLost, upCommand } from './ask-conductor.ts';
import { DEFAULT_COPY_SETTINGS } from './copy-settings.ts';
import { HandOver } from './hand-over.ts';
import { MakeRoom } from './make-room.ts';
import { MeshRings, type KnownRing } from './mesh-rings.ts';
import { Outstanding } from './outstanding.ts';
import { planRetirement } from './plan-retirement.ts';
import { PrefixMemory } from './prefix-memory.ts';
import { RemoteGenerator } from './remote-generator.ts';

export interface FindOptions extends BringUpOptions {
  /** What it is for; left out: any ring will do. */
  readonly request?: GenerationRequest;
}

/** A node card reaches its peers within a second. */
const SEEN_WITHIN_MS = 5000;
const LOOK_AGAIN_MS = 20;
const SEE_OWN_MS = 250;

export interface RingRouterParts {
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly manager: RingManager;
  readonly planner: RingPlanner;
  readonly logger: Logger;
  /** A copy that nobody has used for so long goes; left out: see `DEFAULT_COPY_SETTINGS`. */
  readonly copyIdleMs?: number;
  readonly manifestOf: (model: RingWish['model'], signal: AbortSignal) => Promise<ModelManifest>;
}

/** Finds the rings of the mesh, and has one brought up where there is none. */
export class RingRouter {
  readonly #parts: RingRouterParts;
  readonly #rings: MeshRings;
  readonly #room: MakeRoom;
  readonly #handOver: HandOver;
  readonly #bringUps: BringUps;
  /** Of rings that other nodes conduct for this one. */
  readonly #reasons = new Map<RingId, readonly string[]>();
  readonly #prefixes = new PrefixMemory();
  readonly #outstanding = new Outstanding();
  readonly #stopped = new AbortController();

  constructor(parts: RingRouterParts) {
    this.#parts = parts;
    this.#bringUps = new BringUps(parts.clock);
    this.#rings = new MeshRings(parts.mesh, parts.manager);
    this.#handOver = new HandOver({ ...parts, rings: () => this.rings() });
    this.#room = new MakeRoom({
      ...parts,
      rings: () => this.rings(),
      unconducted: (lost) => this.#rings.unconducted(lost),
      untilChanged: (signal) =>
        untilFirst(signal, [
          (done) => parts.mesh.onPeersChanged(done),
          // What changes on this node itself is told to nobody.
          (done) => parts.clock.schedule(SEE_OWN_MS, done),
        ]),
      takeDown: async (ring, signal) => {
        await this.#askDown(ring, { forget: false, signal });
        await this.#untilDown(ring, signal);
      },
    });
  }

  /** Nobody waits for rings any more. */
  stop(): void {
    this.#stopped.abort(new StoppedError('The agent stops.'));
  }

  /** All rings of the mesh that can be asked, or will be soon. */
  rings(): readonly KnownRing[] {
    return this.#rings.all;
  }

  /** Models whose rings come up, here or elsewhere. */
  get comingUp(): readonly ModelComingUp[] {
    // Of what this node waits for it knows more than the cards say.
    const others = this.#rings.loading.filter(({ card }) => !this.#bringUps.has(card.model));
    return [
      ...this.#bringUps.all,
      ...others.map(({ card: { model, name, loadedFraction = 0 } }) => ({
        id: model,
        name,
        progress: { fraction: loadedFraction, message: '', elapsedMs: 0 },
      })),
    ];
  }

  /** Why the stages of a ring are where they are, in words; none where this node neither conducts it nor had it brought up. */
  reasonsOf(ring: RingId): readonly string[] {
    return this.#parts.manager.rings.find(({ id }) => id === ring)?.reasons ?? this.#reasons.get(ring) ?? [];
  }

  #remember(ring: RingId, reasons: readonly string[]): void {
    const known = new Set(this.rings().map(({ card }) => card.ring));
    for (const id of this.#reasons.keys()) if (!known.has(id)) this.#reasons.delete(id);
    this.#reasons.set(ring, reasons);
  }

  /** How far the model's ring is that comes up; undefined: none does. */
  progressOf(model: ModelId): LoadProgress | undefined {
    return this.comingUp.find(({ id }) => id === model)?.progress;
  }

  /** Whom to ask: the ring of the model that is expected to be done first, brought up if there is none. */
  async find(wish: RingWish, options: FindOptions): Promise<TokenGenerator> {
    const found = this.#choose(wish.model.id, options.request);
    if (found !== undefined) return found;
    await this.bringUp(wish, options);
    const brought = this.#choose(wish.model.id, options.request);
    // The conductor's card may be a moment behind its word.
    if (brought === undefined) throw new StreamLostError(`The ring of ${wish.model.name} is not to be seen yet.`);
    return brought;
  }

  /** Brings a ring up wherever the planner wants it. Leaving early does not take it down. Throws why it could not be had. */
  async bringUp(wish: RingWish, options: BringUpOptions): Promise<void> {
    options.signal.throwIfAborted();
    await this.#bringUps.join(wish.model, (onProgress) => this.#bringUp(wish, this.#stopped.signal, onProgress), options);
  }

  /**
   * Has rings of the model that are up stay, as the wish says: the one that is no copy first, `count` in all. Tells how many there are.
   * Throws when a node that conducts one cannot be reached.
   */
  async keep(wish: RingWish, { signal, count = 1 }: { readonly signal: AbortSignal; readonly count?: number }): Promise<number> {
    const { mesh, manager } = this.#parts;
    const up = this.rings().filter(({ card }) => card.model === wish.model.id && card.state !== 'loading');
    const kept = up.toSorted((a, b) => Number(a.card.isCopy === true) - Number(b.card.isCopy === true)).slice(0, count);
    for (const { conductor, card } of kept) {
      if (conductor === mesh.self) await manager.bringUp(wish, card.stages, { signal });
      else await askConductor(mesh, conductor, { kind: 'up', wish, placement: [...card.stages] }, { signal });
    }
    return kept.length;
  }

  /** Has one more ring of the model come up, beside those there are; idle ones of other models go for it. Throws as `bringUpCopy`. */
  async bringUpCopy(wish: RingWish, { onProgress = () => {}, signal }: BringUpOptions): Promise<void> {
    const { mesh, manifestOf } = this.#parts;
    const manifest = await manifestOf(wish.model, signal);
    const before = this.rings().filter(({ card }) => card.model === manifest.id).length;
    const place = (copy: RingWish, excluded: ReadonlySet<PeerId>): Promise<PlannedRing> =>
      this.#room.place({ manifest, wish: copy, excluded, lost: new Set() }, { onProgress, signal });
    await bringUpCopy({ mesh, rings: () => this.rings(), place }, { manifest, wish }, { onProgress, signal });
    // Whoever asks for another one looks where this one is.
    const isSeen = (): boolean => this.rings().filter(({ card }) => card.model === manifest.id).length > before;
    await this.#until(isSeen, mesh.self, signal);
  }

  async #bringUp(wish: RingWish, signal: AbortSignal, onProgress: (progress: BringUpProgress) => void): Promise<void> {
    const { mesh, manifestOf, logger } = this.#parts;
    const manifest = await manifestOf(wish.model, signal);
    /** Nodes that are gone, or would not hold the first layers. */
    const unfit = new Set<PeerId>();
    /** Whose ring, that was coming up, was waited for in vain. */
    const waitedFor = new Set<PeerId>();
    /** Of those, the ones that went while they brought it up. */
    const lost = new Set<PeerId>();
    let failure: unknown;
    for (;;) {
      const coming = this.#rings.comingUp(wish, waitedFor);
      try {
        if (coming !== undefined) {
          waitedFor.add(coming.conductor);
          await this.#bringUpAt(coming.conductor, wish, { stages: coming.card.stages, reasons: [] }, signal, onProgress);
          return;
        }
        const planned = await this.#room.place({ manifest, wish, excluded: unfit, lost }, { onProgress, signal });
        const conductor = planned.stages[0]?.peer;
        if (conductor === undefined) throw new PlacementRefusedError(`No stages were planned for ${manifest.name}.`);
        try {
          await this.#bringUpAt(conductor, wish, planned, signal, onProgress);
          return;
        } catch (error) {
          if (!isConductorsOwn(error, conductor, mesh.self)) throw error;
          failure = isLost(error) ? undefined : error;
          unfit.add(conductor);
          if (isLost(error)) lost.add(conductor);
          logger.info({ err: error, node: nameOf(mesh, conductor) }, 'the node that should conduct does not');
        }
      } catch (error) {
        signal.throwIfAborted();
        if (coming !== undefined) {
          logger.info({ err: error, node: nameOf(mesh, coming.conductor) }, 'a ring that was coming up did not');
          continue;
        }
        // Another ring of the model may have taken the room: that one will do as well.
        const isRefused = error instanceof PlacementRefusedError || error instanceof StageRefusedError;
        if (isRefused && this.#rings.comingUp(wish, waitedFor) !== undefined) continue;
        // What was in the way of the last one says more than that nobody else has room.
        throw error instanceof PlacementRefusedError
          ? (failure ??
              afterLoss(
                error,
                [...lost].map((peer) => nameOf(mesh, peer)),
              ))
          : error;
      }
      signal.throwIfAborted();
    }
  }

  async #bringUpAt(
    conductor: PeerId,
    wish: RingWish,
    planned: Pick<PlannedRing, 'stages' | 'reasons'>,
    signal: AbortSignal,
    onProgress: (progress: BringUpProgress) => void,
  ): Promise<void> {
    const { mesh, manager } = this.#parts;
    if (conductor === mesh.self) {
      const report = (fraction: number, message: string): void => onProgress({ fraction, message });
      await manager.bringUp(wish, planned.stages, { reasons: planned.reasons, signal, onProgress: report });
      return;
    }
    const { ring, reasons } = await askConductor(mesh, conductor, upCommand(wish, planned), { signal, onProgress });
    if (ring !== undefined) this.#remember(ring, reasons);
    const isSeen = (): boolean =>
      this.rings().some(
        (ring) => ring.conductor === conductor && ring.card.model === wish.model.id && ring.card.state !== 'loading',
      );
    await this.#until(isSeen, conductor, signal);
  }

  /**
   * Before this node goes: conductors elsewhere have its stages taken over, and rings of its own that somebody uses come up on another
   * node. What nobody has room for goes with it; nothing is thrown but the signal's reason.
   */
  handOver(signal: AbortSignal): Promise<void> {
    return this.#handOver.all(signal);
  }

  /** Has stages of this node taken over by others, as far as they have room, while it stays. Throws the signal's reason alone. */
  vacate(signal: AbortSignal): Promise<void> {
    return this.#handOver.stages(signal);
  }

  /**
   * Takes down rings of this node that another one makes superfluous, once nobody uses them: those of two parts of a mesh that see each
   * other again. What was to stay up stays up there. To be called now and then.
   */
  async retireDuplicates(signal: AbortSignal): Promise<void> {
    const { manager, mesh, logger, copyIdleMs = DEFAULT_COPY_SETTINGS.idleMs } = this.#parts;
    const others = this.rings().filter(({ conductor }) => conductor !== mesh.self && mesh.peer(conductor)?.state === 'alive');
    for (const ring of manager.rings) {
      const cards = others.map((other) => other.card);
      const card = planRetirement({ own: ring.card, idleMs: ring.idleMs(), others: cards, copyIdleMs });
      const winner = others.find((other) => other.card === card);
      if (winner === undefined) continue;
      logger.info(
        { model: ring.manifest.name, ring: ring.id, stays: winner.card.ring },
        'two rings of one model: the idle one goes',
      );
      if (ring.isKept) {
        const wish = { ...ring.wish, keep: true };
        await askConductor(mesh, winner.conductor, { kind: 'up', wish, placement: [...winner.card.stages] }, { signal });
      }
      await manager.takeDown(ring.id, { forget: false });
    }
  }

  /**
   * Takes a ring down, here or on the node that conducts it, and waits until cards tell so: whoever asks for the model next is not sent
   * there any more, and finds the room free. Throws when that node cannot be reached.
   */
  async takeDown(ring: KnownRing, options: { readonly forget: boolean; readonly signal: AbortSignal }): Promise<void> {
    await this.#askDown(ring, options);
    try {
      await this.#untilDown(ring, options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      this.#parts.logger.warn({ err: error, ring: ring.card.ring }, 'a ring is down, but somebody still tells of it');
    }
  }

  async #askDown(
    { conductor, card }: KnownRing,
    { forget, signal }: { readonly forget: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { mesh, manager } = this.#parts;
    if (conductor === mesh.self) await manager.takeDown(card.ring, { forget });
    else await askConductor(mesh, conductor, { kind: 'down', ring: card.ring, forget }, { signal });
  }

  #untilDown({ conductor, card }: KnownRing, signal: AbortSignal): Promise<void> {
    return this.#until(() => !this.#rings.holdStages(card.ring), conductor, signal);
  }

  #choose(model: ModelId, request: GenerationRequest | undefined): TokenGenerator | undefined {
    const { mesh, manager } = this.#parts;
    const known = this.rings().filter(({ card }) => card.model === model && card.state !== 'loading');
    const ring = known.length > 1 && request !== undefined ? this.#best(known, request) : (known.find(isReady) ?? known[0]);
    if (ring === undefined) return undefined;
    if (request !== undefined) this.#prefixes.remember(ring.card.ring, request);
    if (ring.conductor === mesh.self) return manager.find(model)?.conductor;
    const where = { peer: ring.conductor, ring: ring.card.ring, model };
    return this.#outstanding.counting(ring.card.ring, new RemoteGenerator(mesh, where, ring.card.contextTokens));
  }

  /** Of several, the one that is expected to be done first; the roomiest where none has room enough, so that the refusal is its own. */
  #best(known: readonly KnownRing[], request: GenerationRequest): KnownRing | undefined {
    const { mesh } = this.#parts;
    const candidates = known.map(({ card, conductor }): RingCandidate => ({
      ...card,
      waiting: Math.max(card.waiting, this.#outstanding.of(card.ring) - card.running),
      conductor,
      stageCount: card.stages.length,
      prefillTokensPerSecond: 0,
      cachedTokens: this.#prefixes.cachedTokens(card.ring, request.prompt),
      tier: conductor === mesh.self ? 0 : (mesh.peer(conductor)?.link.tier ?? 3),
      isLocal: conductor === mesh.self,
    }));
    const solos = candidates.flatMap(({ state, stageCount, measuredTokensPerSecond, predictedTokensPerSecond }): SoloOption[] =>
      state === 'ready' && stageCount === 1 ? [{ tokensPerSecond: measuredTokensPerSecond || predictedTokensPerSecond }] : [],
    );
    const { ring } = chooseRing({ lane: request.lane, promptTokens: request.prompt.length }, candidates, solos);
    const chosen = known.find(({ card }) => card.ring === ring);
    return chosen ?? known.toSorted((a, b) => b.card.contextTokens - a.card.contextTokens)[0];
  }

  /** Cards travel on their own: waits until they say so. */
  async #until(isSo: () => boolean, conductor: PeerId, signal: AbortSignal): Promise<void> {
    const { mesh, clock } = this.#parts;
    const sinceMs = clock.nowMs();
    while (!isSo()) {
      if (clock.nowMs() - sinceMs > SEEN_WITHIN_MS || mesh.peer(conductor)?.state === 'dead') {
        throw new StreamLostError(`${nameOf(mesh, conductor)} does not tell what became of its ring.`);
      }
      // What changes on this node itself is told to nobody: hence the timer.
      await untilFirst(signal, [(done) => mesh.onPeersChanged(done), (done) => clock.schedule(LOOK_AGAIN_MS, done)]);
      signal.throwIfAborted();
    }
  }
}

function afterLoss(error: PlacementRefusedError, names: readonly string[]): PlacementRefusedError {
  if (names.length === 0) return error;
  const message = `${names.join(' and ')} went while the model was loaded. ${error.message}`;
  return new PlacementRefusedError(message, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
}

function isReady({ card }: KnownRing): boolean {
  return card.state === 'ready';
}
