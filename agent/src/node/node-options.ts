import { GIB, type ActivationFormat, type Logger, type Mesh, type PeerId } from '@pippa/core';
import type { StepObservation } from '@pippa/gateway';
import { DEFAULT_JOURNAL_SETTINGS, type CopySettings, type JournalSettings, type RingSettings } from '@pippa/ring';
import type { RemovedShards } from '../engine/shard-cache.ts';
import type { DesiredRings } from './desired-rings.ts';
import type { ModelFiles } from './model-files.ts';
import { openSpillFile } from './spill-file.ts';

/** How rings that this node asks for are to be. */
export interface WishSettings {
  /** Undefined: the model's own, at most 8192, or what fits. */
  readonly contextTokens: number | undefined;
  readonly parallelSequences: number;
  readonly strategy: 'memory' | 'speed' | 'throughput';
  readonly activations: ActivationFormat;
  /** What is computed again after a loss comes out the same, bit for bit. */
  readonly exactReplay: boolean;
  /** Cut every model into so many stages, all on this node. */
  readonly localStages: number | undefined;
}

/** What is asked otherwise than the settings say. */
export interface WishChange {
  readonly strategy?: WishSettings['strategy'] | undefined;
  readonly activations?: ActivationFormat | undefined;
  readonly context?: number | undefined;
  readonly stages?: number | undefined;
  readonly only?: readonly PeerId[];
  /** It stays up until it is taken down. */
  readonly keep?: boolean;
  /** It comes back after a restart. */
  readonly desired?: boolean;
}

export interface NodeOptions {
  readonly mesh: Mesh;
  readonly files: ModelFiles;
  readonly budgetBytes: number;
  /** CPU threads for the stages of a ring together; `atMost`: as many as they have work for. */
  readonly threads: number | { readonly atMost: number };
  /** Where layer ranges for CPU backends are kept as files. */
  readonly shardDirectory: string;
  /** Most bytes that these may take; left out: what the disk has. */
  readonly shardQuotaBytes?: number;
  /** Told of those that made room for others. */
  readonly onShardsRemoved?: (removed: RemovedShards) => void;
  /** Where stages put what they sent on and have no memory for; left out: nowhere. */
  readonly spillDirectory?: string;
  /** What each stage keeps of it in memory, in bytes; left out: what `JournalSettings` say. */
  readonly journalMemoryBytes?: number;
  readonly wishes: WishSettings;
  /** Left out: rings do not come back after a restart. */
  readonly journal?: DesiredRings;
  /** How long a model that a request brought up stays loaded after its last answer. */
  readonly keepAliveMs: number;
  /** What becomes of models that one ring cannot answer all requests for; what is left out is as usual. */
  readonly copies?: Partial<CopySettings>;
  readonly logger: Logger;
  readonly ring?: Partial<RingSettings>;
  /** Told what every step of a ring that this node conducts took. */
  readonly onStep?: (step: StepObservation) => void;
}

/** Most that a stage keeps on disk of what it sent on: 30,000 positions of the widest models in use. */
const MAX_SPILL_BYTES = GIB;

/** What stages keep of what they sent on, for when the next one is lost. */
export function journalSettings({ spillDirectory, journalMemoryBytes }: NodeOptions): JournalSettings {
  const { memoryBytes, ...settings } = DEFAULT_JOURNAL_SETTINGS;
  const inMemory = { ...settings, memoryBytes: journalMemoryBytes ?? memoryBytes };
  if (spillDirectory === undefined) return inMemory;
  return { ...inMemory, fileBytes: MAX_SPILL_BYTES, openFile: () => openSpillFile(spillDirectory) };
}
