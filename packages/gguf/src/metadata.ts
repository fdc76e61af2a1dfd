import { isArray } from './encode.ts';
import { CorruptGgufError } from './errors.ts';
import type { GgufMetadata, GgufModel, GgufValue } from './types.ts';
import { decodeArray, sliceArray } from './values.ts';

/** The text under `key`; undefined when there is none. Throws `CorruptGgufError` for a value of another type. */
export function getString(metadata: GgufMetadata, key: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== 'string') throw wrongType(key, 'a text', value);
  return String(value.value);
}

/** The whole number >= 0 under `key`, like `getString`. */
export function getUnsigned(metadata: GgufMetadata, key: string): number | undefined {
  const number = getNumber(metadata, key);
  if (number !== undefined && (!Number.isSafeInteger(number) || number < 0)) {
    throw new CorruptGgufError(`The metadata key ${key} should hold a whole number of 0 or more, not ${number}.`);
  }
  return number;
}

/** The number under `key`, whole or not, like `getString`. */
export function getNumber(metadata: GgufMetadata, key: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (isArray(value) || typeof value.value === 'string' || typeof value.value === 'boolean')
    throw wrongType(key, 'a number', value);
  return Number(value.value);
}

/** A whole number >= 0 (1 for true) for each layer: an array's own, or the single value for all. Throws `CorruptGgufError`. */
export function getPerLayer(metadata: GgufMetadata, key: string, layerCount: number): readonly number[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (!isArray(value)) {
    const number = value.type === 'bool' ? Number(value.value) : (getUnsigned(metadata, key) as number);
    return Array.from({ length: layerCount }, () => number);
  }
  if (value.length < layerCount || value.elementType === 'string') throw wrongType(key, `${layerCount} numbers`, value);
  // Only what is asked for is decoded: the array may be millions long.
  const numbers = decodeArray(sliceArray(value, 0, layerCount)).map(Number);
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0))
    throw wrongType(key, 'whole numbers of 0 or more', value);
  return numbers;
}

/** A number of the model's own architecture: `<architecture>.<key>`. */
export function getArchitectureNumber(model: GgufModel, key: string): number | undefined {
  return getUnsigned(model.metadata, `${model.architecture}.${key}`);
}

/** The model's own chat template, Jinja. */
export function chatTemplate(model: GgufModel): string | undefined {
  return getString(model.metadata, 'tokenizer.chat_template');
}

function wrongType(key: string, wanted: string, found: GgufValue): CorruptGgufError {
  const what = isArray(found) ? `${found.length} values of type ${found.elementType}` : `a value of type ${found.type}`;
  return new CorruptGgufError(`The metadata key ${key} should hold ${wanted}, but holds ${what}.`);
}
