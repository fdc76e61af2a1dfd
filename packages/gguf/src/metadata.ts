import { isArray } from './encode.ts';
import { CorruptGgufError } from './errors.ts';
import type { GgufMetadata, GgufModel } from './types.ts';
import { decodeArray } from './values.ts';

/** The text under `key`; undefined when there is none. Throws `CorruptGgufError` for a value of another type. */
export function getString(metadata: GgufMetadata, key: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== 'string') throw wrongType(key, 'a text');
  return String(value.value);
}

/** A whole number >= 0. */
export function getUnsigned(metadata: GgufMetadata, key: string): number | undefined {
  const number = getNumber(metadata, key);
  if (number !== undefined && (!Number.isSafeInteger(number) || number < 0)) throw wrongType(key, 'a whole number');
  return number;
}

export function getNumber(metadata: GgufMetadata, key: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (isArray(value) || typeof value.value === 'string' || typeof value.value === 'boolean') throw wrongType(key, 'a number');
  return Number(value.value);
}

/** A number for each layer: an array's own, or the single value for all. */
export function getPerLayer(metadata: GgufMetadata, key: string, layerCount: number): readonly number[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (!isArray(value)) {
    const number = typeof value.value === 'boolean' ? Number(value.value) : getNumber(metadata, key);
    return Array.from({ length: layerCount }, () => number as number);
  }
  if (value.length < layerCount) throw wrongType(key, `${layerCount} numbers`);
  if (value.elementType === 'string') throw wrongType(key, 'numbers');
  return decodeArray(value).slice(0, layerCount).map(Number);
}

/** A number of the model's own architecture: `<architecture>.<key>`. */
export function getArchitectureNumber(model: GgufModel, key: string): number | undefined {
  return getUnsigned(model.metadata, `${model.architecture}.${key}`);
}

/** The model's own chat template, Jinja. */
export function chatTemplate(model: GgufModel): string | undefined {
  return getString(model.metadata, 'tokenizer.chat_template');
}

function wrongType(key: string, wanted: string): CorruptGgufError {
  return new CorruptGgufError(`The metadata key ${key} should hold ${wanted}.`);
}
