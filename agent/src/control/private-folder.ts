import { lstat, mkdir } from 'node:fs/promises';
import { UnsafeFolderError } from '../errors.ts';

const WRITABLE_BY_OTHERS = 0o022;

/** Makes a folder for this user alone where there is none. Throws `UnsafeFolderError` for one that others can change. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await checkPrivateFolder(path);
}

/** Whoever can change the folder can put a socket or a key of their own there. Throws `UnsafeFolderError`. */
export async function checkPrivateFolder(path: string): Promise<void> {
  const { uid, mode } = await lstat(path);
  if (uid !== process.getuid?.()) throw new UnsafeFolderError(path, 'belongs to another user');
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new UnsafeFolderError(path, 'can be written by other users');
}
