import type { ModelId } from './ids.ts';

/** What one layer costs. */
export interface ManifestLayer {
  readonly weightBytes: number;
  /** KV bytes a token of context, with the cache types that the engine uses by default (f16). */
  readonly contextBytesPerToken: number;
  /** State that a sequence takes whatever its length: recurrent layers. */
  readonly contextBytesPerSequence: number;
  /** Width of the feed-forward, of all experts that a token uses together: it bounds the layer's compute buffer. */
  readonly feedForwardLength: number;
}

/** Everything that placing a model needs to know of it, so that nodes without a copy can plan. */
export interface ModelManifest {
  readonly id: ModelId;
  readonly name: string;
  /** `general.architecture` */
  readonly architecture: string;
  readonly quantisation: string;
  readonly parameterCount: number;
  /** Parameters that a token uses; less than `parameterCount` for mixtures of experts. */
  readonly activeParameterCount: number;
  /** Bytes of the GGUF files, split ones together. */
  readonly fileBytes: number;
  readonly embeddingLength: number;
  readonly vocabularySize: number;
  /** Tokens that the model was trained for. */
  readonly contextLength: number;
  readonly layers: readonly ManifestLayer[];
  /** Token embeddings: on the first stage. */
  readonly inputBytes: number;
  /** Final norm and head: on the last stage; the token embeddings too where the head is tied to them. */
  readonly outputBytes: number;
  /** The head is the token embedding: one stage alone holds it once. */
  readonly tiedHead: boolean;
  /** Kinds of attention: 1 where all layers attend to everything, 2 where some see a window alone. */
  readonly attentionMasks: number;
  /** What goes along with every stage. */
  readonly otherBytes: number;
  /**
   * Zeros that a stage of a cut model holds because the engine insists on a tensor it does not use: a head on the first stage and
   * those between, embeddings on those between and the last.
   */
  readonly standInBytes: { readonly first: number; readonly middle: number; readonly last: number };
  /** Layer boundaries, ascending, at which the model may be cut; empty: it runs whole or not at all. */
  readonly cuts: readonly number[];
}
