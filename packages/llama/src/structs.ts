import koffi from 'koffi';

/**
 * Layouts of llama.h and ggml-backend.h at the pinned release. `abi-check.ts` compares the libraries' own defaults with what these
 * layouts read, so a library of another release is refused instead of being called wrongly.
 */
export interface ModelParams {
  n_gpu_layers: number;
  load_mode: number;
  progress_callback: bigint | null;
  vocab_only: boolean;
  use_extra_bufts: boolean;
  split_mode: number;
  [field: string]: unknown;
}

export interface ContextParams {
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_seq_max: number;
  n_outputs_max: number;
  n_threads: number;
  n_threads_batch: number;
  flash_attn_type: number;
  cb_eval: bigint | null;
  type_k: number;
  type_v: number;
  offload_kqv: boolean;
  no_perf: boolean;
  op_offload: boolean;
  swa_full: boolean;
  kv_unified: boolean;
  [field: string]: unknown;
}

/** Every array pointer is a native address; `null` where the engine may choose. */
export interface Batch {
  n_tokens: number;
  token: bigint | null;
  embd: bigint | null;
  pos: bigint;
  n_seq_id: bigint;
  seq_id: bigint;
  logits: bigint;
}

export const ModelParamsStruct = koffi.struct({
  devices: 'void*',
  tensor_buft_overrides: 'void*',
  n_gpu_layers: 'int32',
  split_mode: 'int32',
  load_mode: 'int32',
  lazy_mode: 'int32',
  main_gpu: 'int32',
  tensor_split: 'void*',
  progress_callback: 'void*',
  progress_callback_user_data: 'void*',
  kv_overrides: 'void*',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
});

export const ContextParamsStruct = koffi.struct({
  n_ctx: 'uint32',
  n_batch: 'uint32',
  n_ubatch: 'uint32',
  n_seq_max: 'uint32',
  n_rs_seq: 'uint32',
  n_outputs_max: 'uint32',
  n_outputs_max_per_seq: 'uint32',
  n_threads: 'int32',
  n_threads_batch: 'int32',
  ctx_type: 'int32',
  rope_scaling_type: 'int32',
  pooling_type: 'int32',
  attention_type: 'int32',
  flash_attn_type: 'int32',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32',
  defrag_thold: 'float',
  cb_eval: 'void*',
  cb_eval_user_data: 'void*',
  type_k: 'int32',
  type_v: 'int32',
  abort_callback: 'void*',
  abort_callback_data: 'void*',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void*',
  n_samplers: 'size_t',
  ctx_other: 'void*',
});

export const BatchStruct = koffi.struct({
  n_tokens: 'int32',
  token: 'void*',
  embd: 'void*',
  pos: 'void*',
  n_seq_id: 'void*',
  seq_id: 'void*',
  logits: 'void*',
});

export const GgufInitParamsStruct = koffi.struct({ no_alloc: 'bool', ctx: 'void*' });
export const SamplerChainParamsStruct = koffi.struct({ no_perf: 'bool' });
export const LogitBiasStruct = koffi.struct({ token: 'int32', bias: 'float' });

/** `bool (*)(struct ggml_tensor *, bool ask, void *)` */
export const EvalCallback = koffi.proto('bool', ['void*', 'bool', 'void*']);
/** `bool (*)(float progress, void *)` */
export const ProgressCallback = koffi.proto('bool', ['float', 'void*']);
/** `void (*)(struct ggml_tensor *, void *)` */
export const SetTensorCallback = koffi.proto('void', ['void*', 'void*']);
/** `void (*)(enum ggml_log_level, const char *, void *)` */
export const LogCallback = koffi.proto('void', ['int', 'const char*', 'void*']);
