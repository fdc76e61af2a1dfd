import { access, constants, lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UnsafeFolderError, UnwritableFolderError } from '../errors.ts';
import { writingTrouble } from '../why-not-written.ts';

const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes a folder for this user alone where there is none. Throws `UnsafeFolderError` for one that others can change, and
 * `UnwritableFolderError` for one that this user cannot.
 */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // On a read-only disk Node says that there is no such folder.
    await checkFolderCanBeMade(path);
    throw new UnwritableFolderError(path, writingTrouble(error), error);
  }
  await checkPrivateFolder(path);
  await checkWritable(path, path);
}

/** Whoever can change the folder can put a socket or a key of their own there. Throws `UnsafeFolderError`. */
export async function checkPrivateFolder(path: string): Promise<void> {
  const { uid, mode } = await lstat(path);
  if (uid !== process.getuid?.()) throw new UnsafeFolderError(path, 'belongs to another user');
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new UnsafeFolderError(path, 'can be written by other users');
}

/** Whether `makePrivateFolder` could make a folder that is not there. Throws `UnwritableFolderError`. */
export async function checkFolderCanBeMade(path: string): Promise<void> {
  for (let above = dirname(path); ; above = dirname(above)) {
    if (await exists(above)) return checkWritable(above, path);
    if (above === dirname(above)) return;
  }
}

async function checkWritable(folder: string, wanted: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UnwritableFolderError(wanted, writingTrouble(error), error);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
