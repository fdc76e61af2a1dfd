import { basename, dirname, join } from 'node:path';
import { errorCode, openFileSource, type ByteSource } from './byte-source.ts';
import { CorruptGgufError, MissingSplitError, UnreadableGgufError } from './errors.ts';
import { GGUF_LIMITS } from './limits.ts';

/** All files of a split model, in order; the path itself for any other. */
export function splitPaths(path: string): readonly string[] {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(basename(path));
  const count = Number(match?.[3] ?? 1);
  if (match === null || count <= 1) return [path];
  const number = Number(match[2]);
  if (number < 1 || number > count) {
    throw new CorruptGgufError(`${basename(path)} is by its name part ${number} of ${count}.`, {
      hint: 'Give the file back the name it was published under.',
    });
  }
  if (count > GGUF_LIMITS.splitFiles)
    throw new CorruptGgufError(`A model of ${count} files is past the limit of ${GGUF_LIMITS.splitFiles}.`);
  return Array.from({ length: count }, (_, index) =>
    join(dirname(path), `${match[1]}-${String(index + 1).padStart(5, '0')}-of-${match[3]}.gguf`),
  );
}

/** Opens one of `count` files. Throws `MissingSplitError` when it is one of several and not there. */
export async function openPart(path: string, count: number): Promise<ByteSource & AsyncDisposable> {
  try {
    return await openFileSource(path);
  } catch (cause) {
    const isMissing = cause instanceof UnreadableGgufError && errorCode(cause.cause) === 'ENOENT';
    if (count === 1 || !isMissing) throw cause;
    throw new MissingSplitError(`The part ${basename(path)} of the model is missing.`, {
      cause,
      hint: `All ${count} files must lie in one folder.`,
    });
  }
}
