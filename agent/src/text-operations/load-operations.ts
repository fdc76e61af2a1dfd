import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '@pippa/core';
import { readOperation, type OperationProblem, type TextOperation } from '@pippa/gateway';
import { parse, TomlError } from 'smol-toml';

const SUFFIX = '.toml';
/** Files of one folder that are looked at. */
const MAX_FILES = 500;
/** An operation is a few paragraphs. */
const MAX_FILE_BYTES = 256 * 1024;

export interface LoadedOperations {
  readonly operations: readonly TextOperation[];
  readonly problems: readonly OperationProblem[];
}

/** A file of the folder as it is now. */
export interface OperationFile {
  readonly name: string;
  /** Changes with the file. */
  readonly version: string;
  readonly bytes: number;
}

/** The operation files of a folder, by name; none when there is no folder. */
export function operationFiles(directory: string): readonly OperationFile[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .toSorted()
    .slice(0, MAX_FILES)
    .flatMap((name) => {
      const stat = statSync(join(directory, name), { throwIfNoEntry: false });
      return stat?.isFile() === true ? [{ name, version: `${stat.mtimeMs}:${stat.size}`, bytes: stat.size }] : [];
    });
}

/** The operations in these files. A bad file is a problem among the others, and stops nobody. */
export function loadOperations(
  directory: string,
  files: readonly OperationFile[],
  source: TextOperation['source'],
): LoadedOperations {
  const operations: TextOperation[] = [];
  const problems: OperationProblem[] = [];
  for (const { name, bytes } of files) {
    try {
      if (bytes > MAX_FILE_BYTES) throw new RangeError(`it is longer than ${MAX_FILE_BYTES} bytes`);
      const content = parse(readFileSync(join(directory, name), 'utf8'));
      operations.push(readOperation(name.slice(0, -SUFFIX.length), source, content));
    } catch (error) {
      problems.push({ file: name, message: whatIsWrong(error) });
    }
  }
  return { operations, problems };
}

function whatIsWrong(error: unknown): string {
  if (error instanceof TomlError) return `line ${error.line}: ${error.message.split('\n')[0] ?? ''}`;
  return errorMessage(error);
}
