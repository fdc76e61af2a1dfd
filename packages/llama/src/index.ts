export { openEngine } from './engine.ts';
export { DecodeError, LibraryError, LoadCancelledError, ModelLoadError, OutOfMemoryError, SlotStateError } from './errors.ts';
export { openInstalledLibraries, PINNED_LLAMA_VERSION, type Libraries } from './libraries.ts';
export { computeDevices, type ComputeDevice } from './model-loader.ts';
export { LocalChain, openLocalChain } from './local-chain.ts';
export { loadStage, type StageHandle } from './stage-handle.ts';
export type { StageOptions, StageSource, TensorSource } from './stage-options.ts';
export { Stage, type StageOutput } from './stage.ts';
export { openTokenizer, type OpenTokenizer } from './tokenizer.ts';
