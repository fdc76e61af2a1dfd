import { tensorBytes } from './tensor-types.ts';
import type { GgufArray, GgufMetadata, GgufScalar, GgufScalarType, GgufValue } from './types.ts';

/** Type numbers of the specification. */
export const VALUE_TYPE_NUMBERS: Readonly<Record<GgufScalarType | 'array', number>> = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
};

export const DEFAULT_ALIGNMENT = 32;
const utf8 = new TextEncoder();

export const uint8 = (value: number): GgufValue => ({ type: 'uint8', value });
export const int8 = (value: number): GgufValue => ({ type: 'int8', value });
export const uint16 = (value: number): GgufValue => ({ type: 'uint16', value });
export const int16 = (value: number): GgufValue => ({ type: 'int16', value });
export const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
export const int32 = (value: number): GgufValue => ({ type: 'int32', value });
export const uint64 = (value: bigint): GgufValue => ({ type: 'uint64', value });
export const int64 = (value: bigint): GgufValue => ({ type: 'int64', value });
export const float64 = (value: number): GgufValue => ({ type: 'float64', value });
export const float32 = (value: number): GgufValue => ({ type: 'float32', value });
export const bool = (value: boolean): GgufValue => ({ type: 'bool', value });
export const string = (value: string): GgufValue => ({ type: 'string', value });

export function arrayOf(elementType: GgufScalarType, values: readonly GgufScalar[]): GgufArray {
  return {
    type: 'array',
    elementType,
    length: values.length,
    bytes: concatenate(values.map((value) => encodeScalar(elementType, value))),
  };
}

export interface TensorShape {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
}

export interface EncodedHeader {
  /** Everything before the tensor data, padded to the alignment. */
  readonly bytes: Uint8Array;
  /** One an entry of `tensors`, relative to the data section. */
  readonly tensorOffsets: readonly number[];
  /** Where the data section starts: the length of `bytes`. */
  readonly dataOffset: number;
  readonly dataByteLength: number;
}

/** A complete GGUF header, version 3 unless told otherwise. */
export function encodeGgufHeader(content: {
  readonly metadata: GgufMetadata | Iterable<readonly [string, GgufValue]>;
  readonly tensors: readonly TensorShape[];
  readonly alignment?: number;
  readonly version?: 2 | 3;
}): EncodedHeader {
  const alignment = content.alignment ?? DEFAULT_ALIGNMENT;
  const metadata = [...content.metadata];
  const tensorOffsets: number[] = [];
  let dataByteLength = 0;
  const infos = content.tensors.map((tensor) => {
    tensorOffsets.push(dataByteLength);
    const info = concatenate([
      encodeString(tensor.name),
      encodeNumber(4, tensor.dimensions.length),
      ...tensor.dimensions.map((dimension) => encodeNumber(8, dimension)),
      encodeNumber(4, tensor.type),
      encodeNumber(8, dataByteLength),
    ]);
    dataByteLength += roundUp(tensorBytes(tensor.type, tensor.dimensions), alignment);
    return info;
  });
  const head = concatenate([
    utf8.encode('GGUF'),
    encodeNumber(4, content.version ?? 3),
    encodeNumber(8, content.tensors.length),
    encodeNumber(8, metadata.length),
    ...metadata.map(([key, value]) => concatenate([encodeString(key), encodeValue(value)])),
    ...infos,
  ]);
  const bytes = new Uint8Array(roundUp(head.length, alignment));
  bytes.set(head);
  return { bytes, tensorOffsets, dataOffset: bytes.length, dataByteLength };
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function encodeValue(value: GgufValue): Uint8Array {
  if (isArray(value)) {
    return concatenate([
      encodeNumber(4, VALUE_TYPE_NUMBERS.array),
      encodeNumber(4, VALUE_TYPE_NUMBERS[value.elementType]),
      encodeNumber(8, value.length),
      value.bytes,
    ]);
  }
  return concatenate([encodeNumber(4, VALUE_TYPE_NUMBERS[value.type]), encodeScalar(value.type, value.value)]);
}

export function isArray(value: GgufValue): value is GgufArray {
  return value.type === 'array';
}

function encodeScalar(type: GgufScalarType, value: GgufScalar): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  switch (type) {
    case 'string':
      return encodeString(String(value));
    case 'bool':
      view.setUint8(0, value === true ? 1 : 0);
      return bytes.subarray(0, 1);
    case 'uint8':
    case 'int8':
      view.setInt8(0, Number(value));
      return bytes.subarray(0, 1);
    case 'uint16':
    case 'int16':
      view.setInt16(0, Number(value), true);
      return bytes.subarray(0, 2);
    case 'uint32':
    case 'int32':
      view.setInt32(0, Number(value), true);
      return bytes.subarray(0, 4);
    case 'float32':
      view.setFloat32(0, Number(value), true);
      return bytes.subarray(0, 4);
    case 'uint64':
    case 'int64':
      view.setBigInt64(0, BigInt.asIntN(64, BigInt(value)), true);
      return bytes;
    case 'float64':
    default:
      view.setFloat64(0, Number(value), true);
      return bytes;
  }
}

function encodeString(text: string): Uint8Array {
  const bytes = utf8.encode(text);
  return concatenate([encodeNumber(8, bytes.length), bytes]);
}

function encodeNumber(byteLength: 4 | 8, value: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  if (byteLength === 4) view.setUint32(0, value, true);
  else view.setBigUint64(0, BigInt(value), true);
  return bytes;
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
