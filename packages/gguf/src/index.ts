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
  DiskFullError,
  MissingSplitError,
  NotGgufError,
  NotSplittableError,
  TruncatedGgufError,
  UnreadableGgufError,
  UnsupportedGgufError,
} from './errors.ts';
export { GGUF_LIMITS } from './limits.ts';
export {
  arrayOf,
  bool,
  encodeGgufHeader,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  isArray,
  string,
  uint16,
  uint32,
  uint64,
  uint8,
} from './encode.ts';
export type { EncodedHeader, TensorShape } from './encode.ts';
export { bufferSource, openFileSource, type ByteSource } from './byte-source.ts';
export { readGgufHeader, readGgufModel, readGgufModelFrom, type ModelPart } from './read.ts';
export type { GgufFileHeader } from './merge-parts.ts';
export { splitPaths } from './split-files.ts';
export { decodeArray } from './values.ts';
export { chatTemplate, getArchitectureNumber, getNumber, getPerLayer, getString, getUnsigned } from './metadata.ts';
export { tensorBytes, tensorType, tensorTypeNumber, type TensorType } from './tensor-types.ts';
export { describeModel, hasTiedHead, layerCount, tensorLayer, type ModelLayout } from './layout.ts';
export { manifestOf } from './manifest.ts';
export { modelFingerprint } from './fingerprint.ts';
export { quantisationName } from './quantisation-name.ts';
export { embeddingKind } from './embedding-kind.ts';
export { kvBytesPerToken, type CacheTypes, type LayerContextBytes } from './context-bytes.ts';
export { memoryEstimate, type MemoryEstimate, type StageShape } from './memory-estimate.ts';
export { writeShardFile } from './write-shard.ts';
export { planShard, shardKey, type Shard, type ShardTensor } from './shard.ts';
export { architectureRule, splittableArchitectures } from './architectures.ts';
