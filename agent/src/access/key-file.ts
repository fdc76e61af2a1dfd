import { randomBytes } from 'node:crypto';
import { rename, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '@pippa/core';
import type { z } from 'zod';
import { makePrivateFolder } from '../control/private-folder.ts';
import { KeyFileError } from '../errors.ts';
import { keyFileContent, type KeyRecord } from './key-record.ts';

/** Longest key file: `MAX_KEYS` records are a third of it. */
const MAX_FILE_CHARACTERS = 1_048_576;

/** The keys in a file; none when there is no file. Throws `KeyFileError`. */
export async function readKeys(path: string): Promise<readonly KeyRecord[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new KeyFileError(path, errorMessage(cause), cause);
  }
  return parseKeys(text, path);
}

/** Throws `KeyFileError`. */
export function parseKeys(text: string, path: string): readonly KeyRecord[] {
  if (text.length > MAX_FILE_CHARACTERS) throw new KeyFileError(path, 'it is longer than 1 MB');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new KeyFileError(path, errorMessage(cause), cause);
  }
  const parsed = keyFileContent.safeParse(json);
  if (parsed.success) return parsed.data.keys;
  const [issue] = parsed.error.issues;
  throw new KeyFileError(path, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'wrong content'}`);
}

/** Puts the keys in place of what was there, whole or not at all, readable by this user alone. */
export async function writeKeys(path: string, keys: readonly KeyRecord[]): Promise<void> {
  await makePrivateFolder(dirname(path));
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const content: z.input<typeof keyFileContent> = { version: 1, keys: [...keys] };
    await writeFile(fresh, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new KeyFileError(path, errorMessage(cause), cause);
  }
}
