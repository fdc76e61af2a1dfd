import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorMessage } from '@pippa/core';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { exampleDirectory } from '../package-root.ts';

/** Longest file that is read: 64 nodes take some 10 KB. */
const MAX_BYTES = 1_048_576;

/** Where a JSON file lies: the path itself, or an example that came with the package, by name. Undefined: neither is there. */
export async function findExample(pathOrName: string): Promise<string | undefined> {
  if (await isFile(pathOrName)) return pathOrName;
  if (pathOrName !== basename(pathOrName)) return undefined;
  const shipped = join(exampleDirectory, pathOrName.endsWith('.json') ? pathOrName : `${pathOrName}.json`);
  return (await isFile(shipped)) ? shipped : undefined;
}

/** Reads a JSON file by its schema. Throws `UsageError` that names the place in the file. */
export async function readExample<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  let text: string;
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new Error('it is longer than 1 MB');
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`The file ${path} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`The file ${path} is no JSON: ${errorMessage(cause)}.`, { cause });
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = z.core.toDotPath(issue?.path ?? []);
  throw new UsageError(`${path}${place === '' ? '' : `, ${place}`}: ${issue?.message ?? 'it is not what was expected'}.`, {
    hint: 'The README shows what such a file holds; pippa-agent plan --help names the examples.',
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
