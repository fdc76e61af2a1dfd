import type { LibraryHandle, TypeObject } from 'koffi';
import { checkAbi } from './abi-check.ts';
import { keepNoFreedBlocks } from './libc.ts';
import { findLibraryDirectory, openLibraries, type Libraries } from './libraries.ts';
import {
  BatchStruct,
  ContextParamsStruct,
  GgufInitParamsStruct,
  ModelParamsStruct,
  SamplerChainParamsStruct,
  type Batch,
  type ContextParams,
  type ModelParams,
} from './structs.ts';

/** A native address; 0n or null stands for NULL. */
export type Pointer = bigint;

function bind(libraries: Libraries) {
  const { base, ggml, llama } = libraries;
  /** koffi's functions are untyped; every signature is stated once, here, beside its C types. */
  const typed = <Signature>(
    library: LibraryHandle,
    name: string,
    result: TypeObject | string,
    parameters: (TypeObject | string)[],
  ) => library.func(name, result, parameters) as unknown as Signature;
  const p = 'void*';
  return {
    version: typed<() => string>(llama, 'llama_version', 'const char*', []),
    backendInit: typed<() => void>(llama, 'llama_backend_init', 'void', []),
    loadBackends: typed<(directory: string) => void>(ggml, 'ggml_backend_load_all_from_path', 'void', ['const char*']),
    deviceCount: typed<() => number>(ggml, 'ggml_backend_dev_count', 'size_t', []),
    device: typed<(index: number) => Pointer>(ggml, 'ggml_backend_dev_get', p, ['size_t']),
    deviceName: typed<(device: Pointer) => string>(base, 'ggml_backend_dev_name', 'const char*', [p]),
    deviceDescription: typed<(device: Pointer) => string>(base, 'ggml_backend_dev_description', 'const char*', [p]),
    deviceType: typed<(device: Pointer) => number>(base, 'ggml_backend_dev_type', 'int', [p]),
    deviceMemory: typed<(device: Pointer, free: BigUint64Array, total: BigUint64Array) => void>(
      base,
      'ggml_backend_dev_memory',
      'void',
      [p, p, p],
    ),
    setLog: typed<(callback: Pointer | null, data: null) => void>(llama, 'llama_log_set', 'void', [p, p]),

    modelDefaults: typed<() => ModelParams>(llama, 'llama_model_default_params', ModelParamsStruct, []),
    contextDefaults: typed<() => ContextParams>(llama, 'llama_context_default_params', ContextParamsStruct, []),
    loadModel: typed<(path: string, params: ModelParams) => Pointer | null>(llama, 'llama_model_load_from_file', p, [
      'const char*',
      ModelParamsStruct,
    ]),
    loadModelSplits: typed<(paths: string[], count: number, params: ModelParams) => Pointer | null>(
      llama,
      'llama_model_load_from_splits',
      p,
      ['const char**', 'size_t', ModelParamsStruct],
    ),
    modelFromUser: typed<(header: Pointer, setTensor: Pointer, data: null, params: ModelParams) => Pointer | null>(
      llama,
      'llama_model_init_from_user',
      p,
      [p, p, p, ModelParamsStruct],
    ),
    freeModel: typed<(model: Pointer) => void>(llama, 'llama_model_free', 'void', [p]),
    modelBytes: typed<(model: Pointer) => number | bigint>(llama, 'llama_model_size', 'uint64', [p]),
    modelEmbedding: typed<(model: Pointer) => number>(llama, 'llama_model_n_embd', 'int32', [p]),
    modelEmbeddingOut: typed<(model: Pointer) => number>(llama, 'llama_model_n_embd_out', 'int32', [p]),
    modelClassOutputs: typed<(model: Pointer) => number>(llama, 'llama_model_n_cls_out', 'uint32', [p]),
    /** Null: the model has no template of this name. */
    modelTemplate: typed<(model: Pointer, name: string) => string | null>(llama, 'llama_model_chat_template', 'const char*', [
      p,
      'const char*',
    ]),
    modelIsRecurrent: typed<(model: Pointer) => boolean>(llama, 'llama_model_is_recurrent', 'bool', [p]),
    modelIsHybrid: typed<(model: Pointer) => boolean>(llama, 'llama_model_is_hybrid', 'bool', [p]),
    newContext: typed<(model: Pointer, params: ContextParams) => Pointer | null>(llama, 'llama_init_from_model', p, [
      p,
      ContextParamsStruct,
    ]),
    freeContext: typed<(context: Pointer) => void>(llama, 'llama_free', 'void', [p]),
    contextCells: typed<(context: Pointer) => number>(llama, 'llama_n_ctx', 'uint32', [p]),
    decode: typed<(context: Pointer, batch: Batch) => number>(llama, 'llama_decode', 'int32', [p, BatchStruct]),
    embeddingsOf: typed<(context: Pointer, slot: number) => Pointer | null>(llama, 'llama_get_embeddings_seq', p, [p, 'int32']),
    embeddingsRow: typed<(context: Pointer, row: number) => Pointer | null>(llama, 'llama_get_embeddings_ith', p, [p, 'int32']),
    poolingType: typed<(context: Pointer) => number>(llama, 'llama_pooling_type', 'int32', [p]),
    logitsRow: typed<(context: Pointer, row: number) => Pointer | null>(llama, 'llama_get_logits_ith', p, [p, 'int32']),
    synchronize: typed<(context: Pointer) => void>(llama, 'llama_synchronize', 'void', [p]),
    memory: typed<(context: Pointer) => Pointer>(llama, 'llama_get_memory', p, [p]),
    /** Null for encoders, which keep nothing between calls. */
    memoryIfAny: typed<(context: Pointer) => Pointer | null>(llama, 'llama_get_memory', p, [p]),
    memoryClear: typed<(memory: Pointer, data: boolean) => void>(llama, 'llama_memory_clear', 'void', [p, 'bool']),
    memoryRemove: typed<(memory: Pointer, slot: number, from: number, to: number) => boolean>(
      llama,
      'llama_memory_seq_rm',
      'bool',
      [p, 'int32', 'int32', 'int32'],
    ),
    memoryCopy: typed<(memory: Pointer, source: number, target: number, from: number, to: number) => void>(
      llama,
      'llama_memory_seq_cp',
      'void',
      [p, 'int32', 'int32', 'int32', 'int32'],
    ),
    stateBytes: typed<(context: Pointer, slot: number) => number | bigint>(llama, 'llama_state_seq_get_size', 'size_t', [
      p,
      'int32',
    ]),
    stateRead: typed<(context: Pointer, target: Uint8Array, size: number, slot: number) => number | bigint>(
      llama,
      'llama_state_seq_get_data',
      'size_t',
      [p, p, 'size_t', 'int32'],
    ),
    /** Bytes taken; 0 when they are no state of this model or find no room. */
    stateWrite: typed<(context: Pointer, source: Uint8Array, size: number, slot: number) => number | bigint>(
      llama,
      'llama_state_seq_set_data',
      'size_t',
      [p, p, 'size_t', 'int32'],
    ),
    tensorName: typed<(tensor: Pointer) => string>(base, 'ggml_get_name', 'const char*', [p]),
    tensorBytes: typed<(tensor: Pointer) => number>(base, 'ggml_nbytes', 'size_t', [p]),
    tensorGet: typed<(tensor: Pointer, data: Uint8Array | Float32Array, offset: number, size: number) => void>(
      base,
      'ggml_backend_tensor_get',
      'void',
      [p, p, 'size_t', 'size_t'],
    ),
    tensorSet: typed<(tensor: Pointer, data: Uint8Array, offset: number, size: number) => void>(
      base,
      'ggml_backend_tensor_set',
      'void',
      [p, p, 'size_t', 'size_t'],
    ),
    ggufFromBuffer: typed<(data: Uint8Array, size: number, params: { no_alloc: boolean; ctx: null }) => Pointer | null>(
      base,
      'gguf_init_from_buffer',
      p,
      [p, 'size_t', GgufInitParamsStruct],
    ),
    ggufFree: typed<(header: Pointer) => void>(base, 'gguf_free', 'void', [p]),

    vocabulary: typed<(model: Pointer) => Pointer>(llama, 'llama_model_get_vocab', p, [p]),
    vocabularySize: typed<(vocabulary: Pointer) => number>(llama, 'llama_vocab_n_tokens', 'int32', [p]),
    beginToken: typed<(vocabulary: Pointer) => number>(llama, 'llama_vocab_bos', 'int32', [p]),
    endToken: typed<(vocabulary: Pointer) => number>(llama, 'llama_vocab_eos', 'int32', [p]),
    separatorToken: typed<(vocabulary: Pointer) => number>(llama, 'llama_vocab_sep', 'int32', [p]),
    addsEnd: typed<(vocabulary: Pointer) => boolean>(llama, 'llama_vocab_get_add_eos', 'bool', [p]),
    addsSeparator: typed<(vocabulary: Pointer) => boolean>(llama, 'llama_vocab_get_add_sep', 'bool', [p]),
    addsBegin: typed<(vocabulary: Pointer) => boolean>(llama, 'llama_vocab_get_add_bos', 'bool', [p]),
    isEnd: typed<(vocabulary: Pointer, token: number) => boolean>(llama, 'llama_vocab_is_eog', 'bool', [p, 'int32']),
    isControl: typed<(vocabulary: Pointer, token: number) => boolean>(llama, 'llama_vocab_is_control', 'bool', [p, 'int32']),
    tokenize: typed<
      (
        vocabulary: Pointer,
        text: Uint8Array,
        bytes: number,
        tokens: Int32Array,
        capacity: number,
        addSpecial: boolean,
        parseSpecial: boolean,
      ) => number
    >(llama, 'llama_tokenize', 'int32', [p, p, 'int32', p, 'int32', 'bool', 'bool']),
    piece: typed<
      (vocabulary: Pointer, token: number, buffer: Uint8Array, capacity: number, strip: number, special: boolean) => number
    >(llama, 'llama_token_to_piece', 'int32', [p, 'int32', p, 'int32', 'int32', 'bool']),

    samplerChain: typed<(params: { no_perf: boolean }) => Pointer>(llama, 'llama_sampler_chain_init', p, [
      SamplerChainParamsStruct,
    ]),
    samplerAdd: typed<(chain: Pointer, sampler: Pointer) => void>(llama, 'llama_sampler_chain_add', 'void', [p, p]),
    samplerApply: typed<(sampler: Pointer, candidates: Pointer) => void>(llama, 'llama_sampler_apply', 'void', [p, p]),
    samplerAccept: typed<(sampler: Pointer, token: number) => void>(llama, 'llama_sampler_accept', 'void', [p, 'int32']),
    samplerFree: typed<(sampler: Pointer) => void>(llama, 'llama_sampler_free', 'void', [p]),
    topK: typed<(k: number) => Pointer>(llama, 'llama_sampler_init_top_k', p, ['int32']),
    topP: typed<(value: number, keep: number) => Pointer>(llama, 'llama_sampler_init_top_p', p, ['float', 'size_t']),
    minP: typed<(value: number, keep: number) => Pointer>(llama, 'llama_sampler_init_min_p', p, ['float', 'size_t']),
    typical: typed<(value: number, keep: number) => Pointer>(llama, 'llama_sampler_init_typical', p, ['float', 'size_t']),
    temperature: typed<(value: number) => Pointer>(llama, 'llama_sampler_init_temp', p, ['float']),
    draw: typed<(seed: number) => Pointer>(llama, 'llama_sampler_init_dist', p, ['uint32']),
    penalties: typed<(vocabularySize: number, last: number, repeat: number, frequency: number, presence: number) => Pointer>(
      llama,
      'llama_sampler_init_penalties',
      p,
      ['int32', 'int32', 'float', 'float', 'float'],
    ),
    logitBias: typed<(vocabularySize: number, count: number, biases: Uint8Array) => Pointer>(
      llama,
      'llama_sampler_init_logit_bias',
      p,
      ['int32', 'int32', p],
    ),
    grammar: typed<(vocabulary: Pointer, text: string, root: string) => Pointer | null>(llama, 'llama_sampler_init_grammar', p, [
      p,
      'const char*',
      'const char*',
    ]),
    /** A function that ignores its arguments and does nothing: the engine's log goes there. */
    ignore: llama.symbol('llama_max_devices') as Pointer,
  };
}

export type Engine = ReturnType<typeof bind>;

let opened: Engine | undefined;

/**
 * The engine's C API in this thread. The first call of the process loads the backends, so a program that starts stage workers calls
 * it on its main thread first. Throws `LibraryError`.
 */
export function openEngine(): Engine {
  if (opened !== undefined) return opened;
  const libraries = openLibraries(findLibraryDirectory());
  const engine = bind(libraries);
  checkAbi(engine);
  // The log function is global to the process and is called from native threads, where a JavaScript callback would wait for another
  // thread's event loop. Silence is the only setting that cannot stall a step.
  engine.setLog(engine.ignore, null);
  if (engine.deviceCount() === 0) {
    keepNoFreedBlocks();
    engine.loadBackends(libraries.directory);
    engine.backendInit();
  }
  opened = engine;
  return engine;
}
