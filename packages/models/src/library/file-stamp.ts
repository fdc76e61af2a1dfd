import { stat } from 'node:fs/promises';

/** Says that a file is the one that was read before: its size and time. */
export interface FileStamp {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** Undefined for what is not there or is no file. */
export async function fileStamp(path: string): Promise<FileStamp | undefined> {
  try {
    const status = await stat(path);
    return status.isFile() ? { path, bytes: status.size, modifiedMs: status.mtimeMs } : undefined;
  } catch {
    return undefined;
  }
}

export function sameStamp(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  return a !== undefined && b !== undefined && a.path === b.path && a.bytes === b.bytes && a.modifiedMs === b.modifiedMs;
}
