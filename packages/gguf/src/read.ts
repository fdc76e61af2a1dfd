import { basename, dirname, join } from 'node:path';
import { openFileSource, type ByteSource } from './byte-source.ts';
import { Cursor } from './cursor.ts';
import { DEFAULT_ALIGNMENT, roundUp } from './encode.ts';
import { CorruptGgufError, MissingSplitError, NotGgufError, TruncatedGgufError, UnsupportedGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';
import { getUnsigned } from './metadata.ts';
import { tensorBytes } from './tensor-types.ts';
import { readString, readValue } from './values.ts';
import type { GgufModel, GgufTensor, GgufValue } from './types.ts';

/** One file's header; tensors carry absolute offsets. */
export interface GgufFileHeader {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly Omit<GgufTensor, 'file'>[];
}

/**
 * Reads a model's header from a file, or from all files of a split model when `path` names one of them.
 * Throws the errors of `errors.ts`, and the file system's own when the file cannot be opened.
 */
export async function readGgufModel(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<GgufModel> {
  const paths = splitPaths(path);
  const headers: GgufFileHeader[] = [];
  const files: { path: string; byteLength: number }[] = [];
  for (const part of paths) {
    options.signal?.throwIfAborted();
    const source = await openPart(part, paths.length);
    try {
      headers.push(await readGgufHeader(source));
      files.push({ path: part, byteLength: source.byteLength });
    } finally {
      await source[Symbol.asyncDispose]();
    }
  }
  const first = headers[0] as GgufFileHeader;
  const splitCount = getUnsigned(first.metadata, 'split.count') ?? 1;
  if (splitCount > 1 && splitCount !== paths.length) {
    throw new MissingSplitError(`The model consists of ${splitCount} files, but the name ${basename(path)} says ${paths.length}.`, {
      hint: 'Keep the names that the files were published under: name-00001-of-00003.gguf.',
    });
  }
  const tensors = headers.flatMap((header, file) => header.tensors.map((tensor) => ({ ...tensor, file })));
  refuseDuplicates(tensors.map((tensor) => tensor.name));
  const architecture = first.metadata.get('general.architecture');
  if (architecture?.type !== 'string') throw new CorruptGgufError('The header names no architecture (general.architecture).');
  return { files, version: first.version, alignment: first.alignment, architecture: String(architecture.value), metadata: first.metadata, tensors };
}

/** Reads and checks one file's header. */
export async function readGgufHeader(source: ByteSource): Promise<GgufFileHeader> {
  const cursor = new Cursor(source);
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
  if (cursor.remaining < 8) throw new NotGgufError('The file is too short to be a GGUF model.', { hint: 'Give the path of a .gguf file.' });
  const magic = new TextDecoder('latin1').decode(await cursor.bytes(4));
  if (magic !== 'GGUF') throw new NotGgufError('The file is not a GGUF model: it does not begin with "GGUF".', { hint: 'Give the path of a .gguf file.' });
  const version = await cursor.uint32();
  if (version === 2 || version === 3) return version;
  if ((version & 0xffff) === 0 && version !== 0) throw new UnsupportedGgufError('The file is a big-endian GGUF; only little-endian ones are read.');
  throw new UnsupportedGgufError(`GGUF version ${version} is not read; versions 2 and 3 are.`);
}

async function readTensor(cursor: Cursor, alignment: number): Promise<Omit<GgufTensor, 'file'>> {
  const name = await readString(cursor, GGUF_LIMITS.tensorNameBytes, 'a tensor name');
  const dimensionCount = await cursor.uint32();
  if (dimensionCount < 1 || dimensionCount > GGUF_LIMITS.dimensions) throw new CorruptGgufError(`The tensor ${name} has ${dimensionCount} dimensions.`);
  const dimensions: number[] = [];
  let elements = 1n;
  for (let index = 0; index < dimensionCount; index += 1) {
    const dimension = await cursor.uint64();
    elements *= dimension;
    if (dimension === 0n || elements > BigInt(Number.MAX_SAFE_INTEGER)) throw new CorruptGgufError(`The tensor ${name} has impossible dimensions.`);
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
      throw new TruncatedGgufError(`The file has ${fileBytes} bytes, but its tensor ${tensor.name} ends at ${end}.`, {
        hint: 'Download the file again: it is not complete.',
      });
    }
  }
}

function refuseDuplicates(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new CorruptGgufError(`The tensor ${name} comes twice.`);
    seen.add(name);
  }
}

/** All files of a split model, in order; the path itself for any other. */
export function splitPaths(path: string): readonly string[] {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(basename(path));
  const count = Number(match?.[3] ?? 1);
  if (match === null || count <= 1) return [path];
  if (count > GGUF_LIMITS.splitFiles) throw new CorruptGgufError(`A model of ${count} files is past the limit of ${GGUF_LIMITS.splitFiles}.`);
  return Array.from({ length: count }, (_, index) =>
    join(dirname(path), `${match[1]}-${String(index + 1).padStart(5, '0')}-of-${match[3]}.gguf`),
  );
}

async function openPart(path: string, count: number): Promise<ByteSource & AsyncDisposable> {
  try {
    return await openFileSource(path);
  } catch (cause) {
    if (count === 1) throw cause;
    throw new MissingSplitError(`The part ${basename(path)} of the model is missing.`, { cause, hint: `All ${count} files must lie in one folder.` });
  }
}
