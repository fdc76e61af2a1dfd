/**
 * Bounds on what a header may claim, so that a lying one costs neither memory nor time. Beside each stands what real models reach;
 * the bound leaves room above it.
 */
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
  /** Files use 32, at times 64 or 4096 (a page). */
  alignment: 65_536,
  /** The largest models come in some 40 files; the name has five digits. */
  splitFiles: 1024,
  /** llama.cpp's own (`LLAMA_MAX_LAYERS`); real models stay below 130. */
  layers: 512,
} as const;
