import type { WorkerFailure } from '../worker-messages.ts';
import type { EmbedderInfo, EmbedderOptions } from './embedder-options.ts';

export interface EmbedderWorkerData {
  readonly options: EmbedderOptions;
  /** One byte; set to 1 to cancel loading. */
  readonly cancelled: SharedArrayBuffer;
}

/** What the owner asks; answered in order, each under its id. */
export type EmbedderCommand =
  | { readonly kind: 'tokenize'; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: 'pairs'; readonly id: number; readonly query: string; readonly documents: readonly string[] }
  | { readonly kind: 'run'; readonly id: number; readonly texts: readonly Int32Array[] };

export type EmbedderReport =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'loaded'; readonly info: EmbedderInfo }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure }
  | { readonly kind: 'tokens'; readonly id: number; readonly tokens: readonly Int32Array[] }
  | { readonly kind: 'vectors'; readonly id: number; readonly vectors: readonly Float32Array[] }
  | { readonly kind: 'refused'; readonly id: number; readonly failure: WorkerFailure };
