import { statfs } from 'node:fs/promises';

/** Bytes that are free, for who is not root, on the disk of a folder. Throws where there is no such folder. */
export async function freeDiskBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
