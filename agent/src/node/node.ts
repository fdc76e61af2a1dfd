import { randomUUID } from 'node:crypto';
import {
  systemClock,
  type CardRing,
  type CardStage,
  type Mesh,
  type ModelId,
  type ModelManifest,
  type ServedModel,
  type Startable,
  type TokenGenerator,
} from '@pippa/core';
import { openDirect } from '@pippa/direct';
import {
  Copies,
  DEFAULT_COPY_SETTINGS,
  DEFAULT_RING_SETTINGS,
  PlacementRefusedError,
  RingManager,
  RingRouter,
  RoutedGenerator,
  StageHost,
  type BringUpOptions,
  type BringUpProgress,
} from '@pippa/ring';
import { ShardCache } from '../engine/shard-cache.ts';
import { openFront, type Front } from './front.ts';
import { MeshModel, type KnownFacts } from './mesh-model.ts';
import { BringBack } from './bring-back.ts';
import { KeptModels } from './kept-models.ts';
import { MeshRingPlanner } from './mesh-ring-planner.ts';
import type { NamedModel } from './model-files.ts';
import { NodeEmbedders } from './node-embedders.ts';
import { journalSettings, type NodeOptions, type WishChange } from './node-options.ts';
import { NodeStageLoader } from './node-stage-loader.ts';
import { ReliefWatch } from './relief.ts';
import { StageActivity } from './stage-activity.ts';

/** How long a generation that lost its ring is offered to others before its client is told. */
const REPLACE_MS = 60_000;
const REPLACE_RETRY_MS = 100;
/** Most that leaving waits for others to take over: as long as answers under way are given to end. */
const LEAVE_MS = 10_000;
/** What a ring carries changes with every token; its card is brought up to date this often. */
const CARD_INTERVAL_MS = 1000;

/** What this node does in a mesh: holds stages, conducts rings, and answers for every model of the mesh. */
export class Node implements Startable {
  readonly mesh: Mesh;
  readonly router: RingRouter;
  readonly manager: RingManager;
  readonly host: StageHost;
  readonly embedders: NodeEmbedders;
  readonly #options: NodeOptions;
  readonly #cache: ShardCache;
  readonly #loader: NodeStageLoader;
  readonly #activity = new StageActivity(systemClock);
  readonly #fronts = new Map<string, Promise<Front>>();
  readonly #models = new Map<string, MeshModel>();
  readonly #bringBack: BringBack;
  readonly #kept: KeptModels;
  #cancelCard: (() => void) | undefined;
  readonly #relief: ReliefWatch;
  #toldRings = '';
  readonly #copies: Copies;
  #retiring = false;
  /** It gives its layers to others and is to get none. */
  #leaving = false;

  constructor(options: NodeOptions) {
    const { mesh, files, logger } = options;
    const clock = systemClock;
    this.#options = options;
    this.mesh = mesh;
    this.#cache = new ShardCache({
      directory: options.shardDirectory,
      quotaBytes: options.shardQuotaBytes,
      clock,
      onRemoved: options.onShardsRemoved,
    });
    this.#loader = new NodeStageLoader({ ...options, cache: this.#cache, activity: this.#activity });
    this.embedders = new NodeEmbedders({
      files,
      reserve: async (bytes, what) => {
        while (bytes > this.#loader.freeBytes && (await this.host.giveUpSpare()));
        const giveBack = await this.#loader.reserve(bytes, what);
        this.#tellStages(mesh.card.stages);
        return () => {
          giveBack();
          this.#tellStages(mesh.card.stages);
        };
      },
      contextTokens: options.wishes.contextTokens,
      threads: options.threads,
    });
    const planner = new MeshRingPlanner(mesh);
    const manifestOf = (model: NamedModel, signal: AbortSignal) => files.manifest(model, signal);
    this.host = new StageHost({
      mesh,
      loader: this.#loader,
      clock,
      logger,
      journal: journalSettings(options),
      onStagesChanged: (stages) => this.#tellStages(stages),
    });
    this.manager = new RingManager({
      mesh,
      planner,
      manifestOf,
      clock,
      logger,
      settings: { ...DEFAULT_RING_SETTINGS, ...options.ring },
      newRingId: () => randomUUID(),
      door: { open: openDirect },
      onRingsChanged: (rings) => this.#tellRings(rings),
      onGivenUp: (wish) => this.#kept.bringBack(wish),
      ...(options.journal === undefined ? {} : { journal: options.journal }),
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    });
    const settings = { ...DEFAULT_COPY_SETTINGS, ...options.copies };
    this.router = new RingRouter({
      mesh,
      manager: this.manager,
      planner,
      manifestOf,
      clock,
      logger,
      copyIdleMs: settings.idleMs,
    });
    const rings = () => this.router.rings();
    this.#copies = new Copies({ mesh, clock, manager: this.manager, planner, logger, rings, settings });
    this.#bringBack = new BringBack({ mesh, router: this.router, clock, logger });
    this.#kept = new KeptModels({
      mesh,
      router: this.router,
      bringBack: (wish, signal) => this.#bringBack.begin(wish, signal),
      clock,
      random: Math.random,
      logger,
    });
    this.#relief = new ReliefWatch({ mesh, host: this.host, router: this.router, clock, logger });
  }

  /** Stages of this node compute, for a ring of its own or of others. */
  get isComputing(): boolean {
    return this.#activity.isComputing;
  }

  async start(): Promise<void> {
    await this.#cache.tidy();
    await this.host.start();
    await this.manager.start();
    this.#tellStages([]);
    this.#refreshCardLater();
    for (const wish of (await this.#options.journal?.load()) ?? [])
      void this.#bringBack.begin(wish).then(() => this.#kept.keep(wish));
  }

  /** Before `stop`, with others about: has what this node holds for answers under way taken over, as far as others have room for it. */
  async leave(): Promise<void> {
    if (!this.mesh.peers().some((peer) => peer.state === 'alive')) return;
    // Or rings that others bring up meanwhile would be planned onto it, to be lost with it.
    this.#leaving = true;
    this.#tellStages(this.mesh.card.stages);
    await this.router.handOver(AbortSignal.timeout(LEAVE_MS)).catch((error: unknown) => {
      this.#options.logger.warn({ scope: 'node', err: error }, 'not everything was handed over in time');
    });
  }

  async stop(): Promise<void> {
    this.#cancelCard?.();
    this.#cancelCard = undefined;
    this.#bringBack.stop();
    this.router.stop();
    this.#copies.stop();
    await this.embedders.stop();
    await this.manager.stop();
    await this.host.stop();
    for (const front of this.#fronts.values()) await front.then((opened) => opened[Symbol.asyncDispose]()).catch(() => {});
    this.#fronts.clear();
  }

  /** What a ring of the model is asked for here. */
  wishFor(model: NamedModel, change: WishChange = {}): Parameters<RingRouter['bringUp']>[0] {
    const { wishes } = this.#options;
    const contextTokens = change.context ?? wishes.contextTokens;
    const only = change.only ?? (wishes.localStages === undefined ? undefined : [this.mesh.self]);
    const stageCount = change.stages ?? wishes.localStages;
    return {
      model,
      parallelSequences: wishes.parallelSequences,
      strategy: change.strategy ?? wishes.strategy,
      activations: change.activations ?? wishes.activations,
      lane: 'interactive',
      exactReplay: wishes.exactReplay,
      keep: change.keep ?? false,
      desired: change.desired ?? false,
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(stageCount === undefined ? {} : { stageCount }),
      ...(only === undefined ? {} : { only: [...only] }),
    };
  }

  /** The model as clients are answered for it; opened and brought up when they ask. */
  serve(model: NamedModel, known: KnownFacts): ServedModel {
    const there = this.#models.get(model.name);
    if (there?.id === model.id) return there;
    const served = new MeshModel({
      model,
      createdMs: systemClock.wallMs(),
      known,
      contextTokens: () => this.#contextTokens(model),
      isReady: () => this.router.rings().some(({ card }) => card.model === model.id && card.state !== 'loading'),
      loading: () => this.router.progressOf(model.id),
      load: ({ signal, onProgress }) => {
        const tell = (progress: BringUpProgress): void =>
          onProgress(this.router.progressOf(model.id) ?? { ...progress, elapsedMs: 0 });
        return this.bringUp(model, { signal, onProgress: tell }, {});
      },
      openFront: (signal) => this.#openFront(model, signal),
      embedder: () => this.embedders.get(model),
      prepare: async (signal) => {
        const front = await this.#openFront(model, signal);
        if (front.writes) await this.router.find(this.wishFor(model), { signal });
        return front;
      },
    });
    this.#models.set(model.name, served);
    return served;
  }

  /** Names of the nodes that hold the stages of the model's ring, first to last; none while there is no ring, or all are here. */
  stageNames(name: string): readonly string[] {
    const id = this.#models.get(name)?.id;
    const ring = this.router.rings().find(({ card }) => card.model === id && card.state === 'ready');
    if (ring === undefined || ring.card.stages.every(({ peer }) => peer === this.mesh.self)) return [];
    return ring.card.stages.map(
      ({ peer }) => (peer === this.mesh.self ? this.mesh.card : this.mesh.peer(peer)?.card)?.name ?? peer,
    );
  }

  /** Has a ring of the model up, or what makes its vectors. Throws why there can be none. */
  async bringUp(model: NamedModel, options: BringUpOptions, change: WishChange = { keep: true }): Promise<void> {
    const { writes } = await this.#openFront(model, options.signal);
    if (!writes) {
      await this.embedders.get(model);
      return;
    }
    const wish = this.wishFor(model, change);
    const isUp = this.router.rings().some(({ card }) => card.model === model.id && card.state !== 'loading');
    await this.router.find(wish, options);
    // A request may have brought it up, which lets it go again.
    if (isUp && (wish.keep === true || wish.desired === true)) await this.router.keep(wish, options);
    if (wish.keep === true) this.#kept.keep(wish);
  }

  /** The model, or all of them, is to stay down once it is taken down. */
  forget(model?: ModelId): void {
    this.#kept.forget(model);
  }

  /** Has so many rings of the model up, on different nodes; the first is there. Throws `PlacementRefusedError` that tells how many there are. */
  async bringUpCopies(model: NamedModel, count: number, options: BringUpOptions, change: WishChange): Promise<void> {
    const wish = this.wishFor(model, change);
    for (let up = await this.router.keep(wish, { signal: options.signal, count }); up < count; up += 1) {
      try {
        await this.router.bringUpCopy(wish, options);
      } catch (error) {
        if (!(error instanceof PlacementRefusedError)) throw error;
        const message = `${model.name} is up ${up === 1 ? 'once' : `${up} times`}, not ${count} times. For another one: ${error.message}`;
        throw new PlacementRefusedError(message, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
      }
    }
  }

  /** Has a ring of the model up as soon as the mesh has room for it; settles then, never when the node stops before. */
  async bringUpLater(model: NamedModel): Promise<void> {
    const wish = this.wishFor(model, { keep: true });
    await this.#bringBack.begin(wish);
    this.#kept.keep(wish);
  }

  #openFront(model: NamedModel, signal: AbortSignal): Promise<Front> {
    let front = this.#fronts.get(model.name);
    if (front === undefined) {
      const { files } = this.#options;
      const embedder = () => this.embedders.get(model);
      const opening = openFront(model, { files, generator: this.generatorFor(model), embedder, signal });
      // Whoever asks next may have more luck.
      opening.catch(() => {
        if (this.#fronts.get(model.name) === opening) this.#fronts.delete(model.name);
      });
      this.#fronts.set(model.name, opening);
      front = opening;
    }
    return front;
  }

  /** What is known of the model from its header, got from whoever has it. Throws `ModelNotFoundError` when nobody does. */
  manifest(model: NamedModel, signal: AbortSignal): Promise<ModelManifest> {
    return this.#options.files.manifest(model, signal);
  }

  /** Generates tokens of the model wherever it runs, and goes on elsewhere when that is lost. */
  generatorFor(model: NamedModel): TokenGenerator {
    return new RoutedGenerator({
      route: { find: (request, { signal }) => this.router.find(this.wishFor(model), { request, signal }) },
      contextTokens: () => this.#contextTokens(model),
      clock: systemClock,
      logger: this.#options.logger.child({ scope: 'front', model: model.name }),
      replaceMs: REPLACE_MS,
      retryMs: REPLACE_RETRY_MS,
    });
  }

  #contextTokens(model: NamedModel): number {
    const ring = this.router.rings().find(({ card }) => card.model === model.id && card.contextTokens > 0);
    return ring?.card.contextTokens ?? this.#options.wishes.contextTokens ?? 0;
  }

  async #retireDuplicates(): Promise<void> {
    if (this.#retiring) return;
    this.#retiring = true;
    try {
      await this.router.retireDuplicates(AbortSignal.timeout(LEAVE_MS));
    } catch (error) {
      this.#options.logger.debug({ scope: 'node', err: error }, 'a superfluous ring stays for now');
    } finally {
      this.#retiring = false;
    }
  }

  #tellStages(stages: readonly CardStage[]): void {
    const { memory } = this.mesh.card;
    const freeBytes = this.#leaving ? 0 : this.#loader.freeBytes + this.host.reclaimableBytes;
    this.mesh.updateCard({ stages, memory: { ...memory, budgetBytes: this.#options.budgetBytes, freeBytes } });
  }

  #tellRings(rings: readonly CardRing[]): void {
    const rounded = rings.map((ring) => ({
      ...ring,
      predictedTokensPerSecond: round(ring.predictedTokensPerSecond),
      measuredTokensPerSecond: round(ring.measuredTokensPerSecond),
    }));
    const told = JSON.stringify(rounded);
    if (told === this.#toldRings) return;
    this.#toldRings = told;
    this.mesh.updateCard({ rings: rounded });
  }

  #refreshCardLater(): void {
    this.#cancelCard = systemClock.schedule(CARD_INTERVAL_MS, () => {
      this.#tellRings(this.manager.rings.map((ring) => ring.card));
      void this.manager.takeDownIdle(this.#options.keepAliveMs);
      void this.#retireDuplicates();
      this.#copies.look();
      void this.#relief.look();
      this.#kept.look();
      this.#refreshCardLater();
    });
  }
}

/** Two digits: the rest is noise, and every change costs the mesh a message. */
function round(value: number): number {
  return Number(value.toPrecision(2));
}
