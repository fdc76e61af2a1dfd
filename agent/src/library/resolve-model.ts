import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NoSuchModelError } from '../errors.ts';
import { didYouMean } from '../settings/nearest.ts';
import { findModelFiles, modelNameOf } from './find-models.ts';

/** Says that the text is meant as a file, not as a name. */
export function looksLikePath(text: string): boolean {
  return /[/\\]/.test(text) || /\.gguf$/i.test(text);
}

/** The file of a model given as path or name. Throws `NoSuchModelError` with the names there are. */
export async function resolveModel(pathOrName: string, directories: readonly string[]): Promise<string> {
  if (await isFile(pathOrName)) return resolve(pathOrName);
  const files = await findModelFiles(directories);
  const file = files.find((path) => modelNameOf(path).toLowerCase() === pathOrName.toLowerCase());
  if (file !== undefined) return file;
  const names = files.map(modelNameOf);
  if (looksLikePath(pathOrName)) {
    throw new NoSuchModelError(`There is no model file ${resolve(pathOrName)}.`, { hint: 'Give the path of a .gguf file.' });
  }
  throw new NoSuchModelError(`There is no model "${pathOrName}".${didYouMean(pathOrName, names)}`, {
    hint: `Models here: ${names.length > 0 ? names.join(', ') : 'none'}. Give the path of a .gguf file, or put it into ${directories.at(-1) ?? 'the model folder'}.`,
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
