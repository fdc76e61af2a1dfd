import { openPart, splitPaths } from './split-files.ts';
import type { ByteSource } from './byte-source.ts';
import { Cursor } from './cursor.ts';
import { DEFAULT_ALIGNMENT, roundUp } from './encode.ts';
import { CorruptGgufError, NotGgufError, TruncatedGgufError, UnsupportedGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';
import { mergeParts, refuseDuplicates, type GgufFileHeader, type ReadPart } from './merge-parts.ts';
import { getUnsigned } from './metadata.ts';
import { tensorBytes } from './tensor-types.ts';
import { readString, readValue } from './values.ts';
import type { GgufModel, GgufTensor, GgufValue } from './types.ts';

/** A file of a model: where it lies and how its bytes are reached. */
export interface ModelPart {
  readonly path: string;
  readonly source: ByteSource;
}

/**
 * Reads a model's header from a file, or from all files of a split model when `path` names one of them.
 * Throws the errors of `errors.ts`, or the signal's reason.
 */
export async function readGgufModel(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<GgufModel> {
  const paths = splitPaths(path);
  const parts: ReadPart[] = [];
  for (const part of paths) {
    options.signal?.throwIfAborted();
    const source = await openPart(part, paths.length);
    try {
      parts.push({ path: part, byteLength: source.byteLength, header: await readGgufHeader(source, options) });
    } finally {
      await source[Symbol.asyncDispose]();
    }
  }
  return mergeParts(parts);
}

/** The same over sources that the caller opened, all files of the model in order. */
export async function readGgufModelFrom(
  parts: readonly ModelPart[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<GgufModel> {
  const read: ReadPart[] = [];
  for (const { path, source } of parts) {
    read.push({ path, byteLength: source.byteLength, header: await readGgufHeader(source, options) });
  }
  return mergeParts(read);
}

/** Reads and checks one file's header. */
export async function readGgufHeader(source: ByteSource, options: { readonly signal?: AbortSignal } = {}): Promise<GgufFileHeader> {
  const cursor = new Cursor(source, options.signal);
  const version = await readMagicAndVersion(cursor);
  const tensorCount = await cursor.count(GGUF_LIMITS.tensors, 'tensors');
  const keyCount = await cursor.count(GGUF_LIMITS.metadataKeys, 'metadata keys');
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < keyCount; index += 1) {
    const key = await readString(cursor, GGUF_LIMITS.keyBytes, 'a metadata key');
    if (metadata.has(key)) throw new CorruptGgufError(`The metadata key ${key} comes twice.`);
    metadata.set(key, await readValue(cursor));
  }
  const alignment = getUnsigned(metadata, 'general.alignment') ?? DEFAULT_ALIGNMENT;
  if (alignment < 1 || alignment > GGUF_LIMITS.alignment || (alignment & (alignment - 1)) !== 0) {
    throw new CorruptGgufError(`The alignment ${alignment} is not a power of two up to ${GGUF_LIMITS.alignment}.`);
  }
  const relative: Omit<GgufTensor, 'file'>[] = [];
  for (let index = 0; index < tensorCount; index += 1) relative.push(await readTensor(cursor, alignment));
  refuseDuplicates(relative.map((tensor) => tensor.name));
  const dataOffset = roundUp(cursor.offset, alignment);
  const tensors = relative.map((tensor) => ({ ...tensor, offset: tensor.offset + dataOffset }));
  checkPlaces(tensors, source.byteLength);
  return { version, alignment, metadata, tensors };
}

async function readMagicAndVersion(cursor: Cursor): Promise<number> {
  if (cursor.remaining < 8) throw new NotGgufError('The file is too short to be a GGUF model.');
  const magic = new TextDecoder('latin1').decode(await cursor.bytes(4));
  if (magic !== 'GGUF') throw new NotGgufError('The file is not a GGUF model: it does not begin with "GGUF".');
  const version = await cursor.uint32();
  if (version === 2 || version === 3) return version;
  if ((version & 0xffff) === 0 && version !== 0)
    throw new UnsupportedGgufError('The file is a big-endian GGUF; only little-endian ones are read.');
  throw new UnsupportedGgufError(`GGUF version ${version} is not read; versions 2 and 3 are.`);
}

async function readTensor(cursor: Cursor, alignment: number): Promise<Omit<GgufTensor, 'file'>> {
  const name = await readString(cursor, GGUF_LIMITS.tensorNameBytes, 'a tensor name');
  const dimensionCount = await cursor.uint32();
  // None is a single value.
  if (dimensionCount > GGUF_LIMITS.dimensions) throw new CorruptGgufError(`The tensor ${name} has ${dimensionCount} dimensions.`);
  const dimensions: number[] = [];
  let elements = 1n;
  for (let index = 0; index < dimensionCount; index += 1) {
    const dimension = await cursor.uint64();
    elements *= dimension;
    if (dimension === 0n || elements > BigInt(Number.MAX_SAFE_INTEGER))
      throw new CorruptGgufError(`The tensor ${name} has impossible dimensions.`);
    dimensions.push(Number(dimension));
  }
  const type = await cursor.uint32();
  const offset = await cursor.uint64();
  if (offset % BigInt(alignment) !== 0n || offset > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new CorruptGgufError(`The tensor ${name} is not aligned to ${alignment} bytes.`);
  }
  return { name, dimensions, type, byteLength: tensorBytes(type, dimensions), offset: Number(offset) };
}

function checkPlaces(tensors: readonly Omit<GgufTensor, 'file'>[], fileBytes: number): void {
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
    if (tensor.offset < end) throw new CorruptGgufError(`The tensor ${tensor.name} overlaps the one before it.`);
    end = tensor.offset + tensor.byteLength;
    if (end > fileBytes) {
      throw new TruncatedGgufError(`The file has ${fileBytes} bytes, but its tensor ${tensor.name} ends at ${end}.`);
    }
  }
}
