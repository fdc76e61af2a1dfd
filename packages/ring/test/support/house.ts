import {
  DEFAULT_SAMPLER_SETTINGS,
  modelId,
  silentLogger,
  systemClock,
  type Clock,
  type GenerationEvent,
  type GenerationRequest,
  type ModelManifest,
  type TokenGenerator,
} from '@pippa/core';
import type { RingWish } from '@pippa/protocol';
import { MemoryNetwork, type MemoryMesh } from '@pippa/testing';
import {
  Copies,
  DEFAULT_COPY_SETTINGS,
  DEFAULT_RING_SETTINGS,
  RingManager,
  RingRouter,
  RoutedGenerator,
  StageHost,
  type JournalSettings,
  type Ring,
  type RingSettings,
} from '../../src/index.ts';
import { EvenPlanner } from './even-planner.ts';
import { nextToken } from './simulated-chain.ts';
import { SimulatedLoader } from './simulated-stage.ts';

export const MODEL = { id: modelId('a'.repeat(64)), name: 'model' };

export const manifest: ModelManifest = {
  id: MODEL.id,
  name: MODEL.name,
  architecture: 'llama',
  quantisation: 'Q4_0',
  parameterCount: 1,
  activeParameterCount: 1,
  fileBytes: 1,
  embeddingLength: 4,
  vocabularySize: 1000,
  contextLength: 2048,
  layers: Array.from({ length: 12 }, () => ({
    weightBytes: 1,
    contextBytesPerToken: 1,
    contextBytesPerSequence: 0,
    feedForwardLength: 1,
  })),
  inputBytes: 1,
  outputBytes: 1,
  tiedHead: false,
  attentionMasks: 1,
  otherBytes: 0,
  standInBytes: { first: 0, middle: 0, last: 0 },
  cuts: Array.from({ length: 11 }, (_, index) => index + 1),
};

export const wish: RingWish = { model: MODEL, parallelSequences: 4, lane: 'interactive', strategy: 'speed', activations: 'f32' };

export interface MemberOptions {
  readonly perNode?: number;
  /** Layers that really fit on a node; left out: as many as one likes. */
  readonly room?: number;
  readonly settings?: Partial<RingSettings>;
  readonly journal?: JournalSettings;
  readonly wish?: Partial<RingWish>;
}

/** One node of a house: everything but the engine and the network is real. */
export class House {
  readonly network = new MemoryNetwork();
  readonly members: Member[] = [];

  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async add(name: string, options: MemberOptions = {}): Promise<Member> {
    const member = new Member(this.network.node(name), { clock: this.#clock, ...options });
    this.members.push(member);
    await member.start();
    return member;
  }

  async stop(): Promise<void> {
    for (const member of this.members) await member.stop();
  }

  /** The process is gone, with all it held. */
  kill(member: Member): void {
    this.network.kill(member.mesh.self);
    this.members.splice(this.members.indexOf(member), 1);
  }
}

export class Member {
  readonly mesh: MemoryMesh;
  readonly loader: SimulatedLoader;
  readonly planner: EvenPlanner;
  readonly host: StageHost;
  readonly manager: RingManager;
  readonly router: RingRouter;
  readonly copies: Copies;
  readonly generator: TokenGenerator;
  readonly wish: RingWish;
  /** All rings that it conducted. */
  readonly everyRing = new Set<Ring>();
  /** What was wanted of those that it gave up and that were to stay. */
  readonly givenUp: RingWish[] = [];
  #rings = 0;

  constructor(
    mesh: MemoryMesh,
    { clock, perNode = 4, room = Infinity, settings = {}, journal, wish: wished = {} }: MemberOptions & { readonly clock: Clock },
  ) {
    this.mesh = mesh;
    this.wish = { ...wish, ...wished };
    this.loader = new SimulatedLoader(room);
    this.planner = new EvenPlanner(mesh, perNode);
    const { planner } = this;
    const logger = silentLogger;
    this.host = new StageHost({
      mesh,
      loader: this.loader,
      clock,
      logger,
      ...(journal === undefined ? {} : { journal }),
      onStagesChanged: (stages) => mesh.updateCard({ stages }),
    });
    this.manager = new RingManager({
      mesh,
      planner,
      manifestOf: async () => manifest,
      clock,
      logger,
      settings: {
        ...DEFAULT_RING_SETTINGS,
        retryMs: 5,
        recoverMs: 5000,
        keepsSpares: false,
        lookMs: 5,
        checkpointMs: 5,
        checkpointTokens: 16,
        rebalanceMs: 5,
        idleWithinMs: 50,
        ...settings,
      },
      newRingId: () => `${mesh.self}-${(this.#rings += 1)}`,
      onGivenUp: (given) => void this.givenUp.push(given),
      onRingsChanged: (rings) => {
        for (const ring of this.manager.rings) this.everyRing.add(ring);
        mesh.updateCard({ rings });
      },
    });
    this.router = new RingRouter({ mesh, manager: this.manager, planner, clock, logger, manifestOf: async () => manifest });
    const rings = () => this.router.rings();
    this.copies = new Copies({ mesh, manager: this.manager, planner, clock, logger, rings, settings: DEFAULT_COPY_SETTINGS });
    this.generator = new RoutedGenerator({
      route: { find: (request, { signal }) => this.router.find(this.wish, { request, signal }) },
      contextTokens: () => 2048,
      clock,
      logger,
      replaceMs: 5000,
      retryMs: 5,
    });
  }

  async start(): Promise<void> {
    await this.host.start();
    await this.manager.start();
  }

  async stop(): Promise<void> {
    this.router.stop();
    this.copies.stop();
    await this.manager.stop();
    await this.host.stop();
  }
}

export const request = (
  prompt: readonly number[],
  maxTokens: number,
  more: Partial<GenerationRequest> = {},
): GenerationRequest => ({
  prompt: Int32Array.from(prompt),
  sampler: { ...DEFAULT_SAMPLER_SETTINGS, seed: 5 },
  maxTokens,
  logprobs: -1,
  lane: 'interactive',
  ...more,
});

/** What the undisturbed model gives. */
export function expectedTokens(prompt: readonly number[], count: number, seed = 5): number[] {
  const history = [...prompt];
  for (let index = 0; index < count; index += 1) history.push(nextToken(history, seed));
  return history.slice(prompt.length);
}

export async function collect(
  events: AsyncIterable<GenerationEvent>,
  onToken: (count: number) => void | Promise<void> = () => {},
): Promise<{ tokens: number[]; end: Extract<GenerationEvent, { kind: 'end' }> | undefined }> {
  const tokens: number[] = [];
  let end: Extract<GenerationEvent, { kind: 'end' }> | undefined;
  for await (const event of events) {
    if (event.kind === 'end') {
      end = event;
    } else {
      tokens.push(event.token);
      await onToken(tokens.length);
    }
  }
  return { tokens, end };
}
