/** Bounds on what a header may claim. The largest real models stay one order of magnitude below each. */
export const GGUF_LIMITS = {
  /** Real models have below 100. */
  metadataKeys: 4096,
  /** The specification's own bound. */
  keyBytes: 65_535,
  /** Chat templates reach some 100 KB. */
  stringBytes: 16 * 1024 * 1024,
  /** Vocabularies reach 300,000 entries, merges 500,000. */
  arrayElements: 4 * 1024 * 1024,
  /** DeepSeek V3 has 1,100 tensors in 61 layers. */
  tensors: 65_536,
  /** `GGML_MAX_NAME` */
  tensorNameBytes: 63,
  /** `GGML_MAX_DIMS` */
  dimensions: 4,
  /** The whole header, vocabulary included; real ones stay below 20 MB. */
  headerBytes: 256 * 1024 * 1024,
  alignment: 65_536,
  splitFiles: 1024,
  layers: 4096,
} as const;
