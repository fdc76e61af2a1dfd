import { VALUE_TYPE_NUMBERS } from './encode.ts';
import { CorruptGgufError, UnsupportedGgufError } from './errors.ts';
import type { Cursor } from './cursor.ts';
import { GGUF_LIMITS } from './limits.ts';
import type { GgufArray, GgufScalar, GgufScalarType, GgufValue } from './types.ts';

const TYPE_NAMES = new Map(Object.entries(VALUE_TYPE_NUMBERS).map(([name, number]) => [number, name as GgufScalarType | 'array']));
const FIXED_BYTES: Readonly<Record<Exclude<GgufScalarType, 'string'>, number>> = {
  uint8: 1,
  int8: 1,
  bool: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
};
// A byte order mark is kept: vocabularies hold it as a token of its own.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export async function readString(cursor: Cursor, limit: number, what: string): Promise<string> {
  return utf8.decode(await cursor.bytes(await cursor.count(limit, `bytes of ${what}`)));
}

export async function readValue(cursor: Cursor): Promise<GgufValue> {
  const type = typeName(await cursor.uint32());
  if (type === 'array') return readArray(cursor);
  if (type === 'string') return { type, value: await readString(cursor, GGUF_LIMITS.stringBytes, 'a text') };
  return { type, value: decodeScalar(type, await cursor.bytes(FIXED_BYTES[type]), 0) };
}

async function readArray(cursor: Cursor): Promise<GgufArray> {
  const elementType = typeName(await cursor.uint32());
  if (elementType === 'array') throw new UnsupportedGgufError('The header holds an array of arrays, which no known model does.');
  const length = await cursor.count(GGUF_LIMITS.arrayElements, 'array elements');
  if (elementType !== 'string') {
    return { type: 'array', elementType, length, bytes: new Uint8Array(await cursor.bytes(length * FIXED_BYTES[elementType])) };
  }
  return { type: 'array', elementType, length, bytes: await cursor.strings(length) };
}

/** The elements of an array value. */
export function decodeArray(array: GgufArray): GgufScalar[] {
  const { elementType, bytes } = array;
  const values: GgufScalar[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  for (let index = 0; index < array.length; index += 1) {
    if (elementType === 'string') {
      const length = Number(view.getBigUint64(offset, true));
      values.push(utf8.decode(bytes.subarray(offset + 8, offset + 8 + length)));
      offset += 8 + length;
    } else {
      values.push(decodeScalar(elementType, bytes, offset));
      offset += FIXED_BYTES[elementType];
    }
  }
  return values;
}

/** Elements `[from, to)` of an array value, still encoded. */
export function sliceArray(array: GgufArray, from: number, to: number): GgufArray {
  if (array.elementType === 'string') throw new UnsupportedGgufError('Arrays of texts are not cut by layer.');
  const size = FIXED_BYTES[array.elementType];
  return { ...array, length: to - from, bytes: array.bytes.subarray(from * size, to * size) };
}

function typeName(number: number): GgufScalarType | 'array' {
  const name = TYPE_NAMES.get(number);
  if (name === undefined) throw new CorruptGgufError(`The header holds a value of the unknown type ${number}.`);
  return name;
}

function decodeScalar(type: Exclude<GgufScalarType, 'string'>, bytes: Uint8Array, offset: number): GgufScalar {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case 'uint8':
      return view.getUint8(offset);
    case 'int8':
      return view.getInt8(offset);
    case 'bool':
      return view.getUint8(offset) !== 0;
    case 'uint16':
      return view.getUint16(offset, true);
    case 'int16':
      return view.getInt16(offset, true);
    case 'uint32':
      return view.getUint32(offset, true);
    case 'int32':
      return view.getInt32(offset, true);
    case 'float32':
      return view.getFloat32(offset, true);
    case 'uint64':
      return view.getBigUint64(offset, true);
    case 'int64':
      return view.getBigInt64(offset, true);
    case 'float64':
    default:
      return view.getFloat64(offset, true);
  }
}
