import { basename } from 'node:path';
import { CorruptGgufError, MissingSplitError } from './errors.ts';
import { getString, getUnsigned } from './metadata.ts';
import type { GgufMetadata, GgufModel, GgufTensor } from './types.ts';

/** One file's header; tensors carry absolute offsets. */
export interface GgufFileHeader {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly Omit<GgufTensor, 'file'>[];
}

export interface ReadPart {
  readonly path: string;
  readonly byteLength: number;
  readonly header: GgufFileHeader;
}

/** One model of the headers of all its files. The first file's metadata holds for the model. */
export function mergeParts(parts: readonly ReadPart[]): GgufModel {
  const first = parts[0]?.header;
  if (first === undefined) throw new MissingSplitError('A model consists of at least one file.');
  checkSplit(parts);
  const tensors = parts.flatMap(({ header }, file) => header.tensors.map((tensor) => ({ ...tensor, file })));
  refuseDuplicates(tensors.map((tensor) => tensor.name));
  const promised = getUnsigned(first.metadata, 'split.tensors.count');
  if (parts.length > 1 && promised !== undefined && promised !== tensors.length) {
    throw new CorruptGgufError(`The files of the model hold ${tensors.length} tensors together; the first says ${promised}.`, {
      hint: 'Download all files again from one place: they are not parts of the same model.',
    });
  }
  const architecture = getString(first.metadata, 'general.architecture');
  if (architecture === undefined || architecture === '')
    throw new CorruptGgufError('The header names no architecture (general.architecture).');
  return {
    files: parts.map(({ path, byteLength }) => ({ path, byteLength })),
    version: first.version,
    alignment: first.alignment,
    architecture,
    metadata: first.metadata,
    tensors,
  };
}

/** Every file must say that it is this part of that many. */
function checkSplit(parts: readonly ReadPart[]): void {
  for (const [index, { path, header }] of parts.entries()) {
    const count = getUnsigned(header.metadata, 'split.count') ?? 1;
    if (Math.max(1, count) !== parts.length) {
      throw new MissingSplitError(`${basename(path)} is a part of ${count} by its header, but ${parts.length} by its name.`, {
        hint: 'Keep the names that the files were published under: name-00001-of-00003.gguf.',
      });
    }
    const number = getUnsigned(header.metadata, 'split.no') ?? index;
    if (number !== index) {
      throw new MissingSplitError(`${basename(path)} is part ${number + 1} by its header, but part ${index + 1} by its name.`, {
        hint: 'Give the files back the names they were published under.',
      });
    }
  }
}

/** Throws `CorruptGgufError` when a name comes twice. */
export function refuseDuplicates(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new CorruptGgufError(`The tensor ${name} comes twice.`);
    seen.add(name);
  }
}
