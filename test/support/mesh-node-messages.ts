import type { CardRing, CardStage, GenerationUsage, TokenLogprob } from '@pippa/core';
import type { Membership } from '@pippa/mesh';
import type { CopySettings, Recovery } from '@pippa/ring';

export interface MeshNodeOptions {
  readonly name: string;
  /** Address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** The model that is meant where none is named. */
  readonly modelPath: string;
  readonly membership: Membership;
  readonly peers: readonly string[];
  readonly budgetBytes: number;
  readonly shardDirectory: string;
  /** Where journals put what they have no memory for; left out: nowhere. */
  readonly spillDirectory?: string;
  /** What a stage's journal may hold in memory; left out: as agents do. */
  readonly journalMemoryBytes?: number;
  readonly contextTokens: number;
  readonly parallelSequences: number;
  readonly exactReplay?: boolean;
  /** Second copies of stages where there is room; left out: as agents do. */
  readonly keepsSpares?: boolean;
  /** How long a model that a request brought up stays; left out: for good. */
  readonly keepAliveMs?: number;
  /** What becomes of models that one ring cannot answer all requests for; left out: there are no copies. */
  readonly copies?: Partial<CopySettings>;
  /** Where it logs what it does; left out: nowhere. */
  readonly logDirectory?: string;
  /** A folder whose models this node gives to others, at the rate that the agent would. */
  readonly shareDirectory?: string;
}

/** One generation as a client would ask for it, past the model's own end. */
export interface GenerateOrder {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Left out: none. */
  readonly logprobs?: number;
  /** Of the model; left out: the one that the node was started with. */
  readonly path?: string;
  /** Left out: 0, the likeliest token each time. */
  readonly temperature?: number;
  readonly seed?: number;
}

export type NodeCommand =
  | { readonly kind: 'start'; readonly options: MeshNodeOptions }
  /** Makes a file known to this node as a model. */
  | { readonly kind: 'know'; readonly path: string }
  /** Has the model up over this many nodes, this one conducting; `only`: peers that may hold stages. Answers its stages. */
  | { readonly kind: 'up'; readonly stages: number; readonly path?: string; readonly only?: readonly string[] }
  /** Takes down the rings that this node conducts. */
  | { readonly kind: 'down' }
  /** Tokens are told as they come, too. */
  | ({ readonly kind: 'generate' } & GenerateOrder)
  /** The client of that `generate` goes. */
  | { readonly kind: 'cancel'; readonly id: number }
  /** `collect`: after what is garbage went. */
  | { readonly kind: 'facts'; readonly collect?: boolean }
  /** In good order: what it holds is taken over first. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'stop' };

/** A token as the client of the node gets it. */
export interface ToldToken {
  readonly token: number;
  readonly position: number;
}

export type NodeReport =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly reason: string }
  | { readonly id: number; readonly told: ToldToken };

export interface NodeFacts {
  readonly peers: number;
  readonly alivePeers: number;
  readonly running: number;
  readonly stages: readonly CardStage[];
  /** Stages that are loaded or being loaded, those of lost conductors included. */
  readonly stageCount: number;
  /** Rings that this node conducts. */
  readonly rings: readonly CardRing[];
  readonly self: string;
  readonly freeBytes: number;
  readonly generatedTokens: number;
  /** Names of the rings of the mesh that can be asked. */
  readonly knownRings: readonly string[];
  readonly recoveries: readonly Recovery[];
  /** Layers that the rings conducted here have a second copy of. */
  readonly spares: readonly { readonly from: number; readonly to: number }[];
  /** What handling a step takes the thread of the first stage here beyond computing. */
  readonly medianHandlingMs: number;
  readonly rssBytes: number;
  /** What JavaScript holds, buffers included. */
  readonly heapBytes: number;
  /** What the main thread's JavaScript heap takes of the system. */
  readonly heapPagesBytes: number;
  readonly cpuMs: number;
  /** What the system has open for the process; undefined where it does not tell. */
  readonly open: OpenFiles | undefined;
}

export interface OpenFiles {
  readonly sockets: number;
  /** Files without a name: those of journals. */
  readonly nameless: number;
  readonly all: number;
  readonly threads: number;
}

export interface Generated {
  /** From the call to the first token. */
  readonly firstMs: number;
  /** From the call to the last token. */
  readonly lastMs: number;
  /** When each token came. */
  readonly arrivedMs: readonly number[];
  readonly tokens: readonly number[];
  readonly usage: GenerationUsage;
  readonly first: TokenLogprob | undefined;
  /** Of the tokens, where they were asked for. */
  readonly logprobs: readonly number[];
}
