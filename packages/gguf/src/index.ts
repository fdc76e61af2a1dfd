export type {
  ArchitectureRule,
  GgufArray,
  GgufMetadata,
  GgufModel,
  GgufScalar,
  GgufScalarType,
  GgufTensor,
  GgufValue,
} from './types.ts';
export {
  CorruptGgufError,
  CutNotAllowedError,
  MissingSplitError,
  NotGgufError,
  NotSplittableError,
  TruncatedGgufError,
  UnsupportedGgufError,
} from './errors.ts';
export { GGUF_LIMITS } from './limits.ts';
export { arrayOf, bool, encodeGgufHeader, float32, int32, isArray, string, uint32, uint64 } from './encode.ts';
export type { EncodedHeader, TensorShape } from './encode.ts';
export { bufferSource, openFileSource, type ByteSource } from './byte-source.ts';
export { readGgufHeader, readGgufModel, splitPaths, type GgufFileHeader } from './read.ts';
export { decodeArray } from './values.ts';
export { chatTemplate, getArchitectureNumber, getNumber, getPerLayer, getString, getUnsigned } from './metadata.ts';
export { tensorBytes, tensorType, tensorTypeNumber, type TensorType } from './tensor-types.ts';
export { describeModel, kvBytesPerToken, layerCount, memoryEstimate, quantisationName, tensorLayer, type ModelLayout } from './layout.ts';
export { planShard, shardKey, writeShardFile, type Shard, type ShardTensor } from './shard.ts';
export { architectureRule, splittableArchitectures } from './architectures.ts';
