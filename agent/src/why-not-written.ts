import { errorMessage } from '@pippa/core';

/** What a system call said, in words that go on a sentence: "the disk is full". */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is used up",
  EROFS: 'the disk is read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOTDIR: 'a part of its path is no folder',
  EEXIST: 'something else has its name',
  // Of a folder that is made with all above it: Node says so of read-only disks.
  ENOENT: 'it cannot be made there',
};

/** Why a file or folder could not be made or written to, in words; undefined where it was something else. */
export function whyNotWritten(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? REASONS[String(error.code)] : undefined;
}

/** The same, with what the system said where there are no words for it. */
export function writingTrouble(error: unknown): string {
  return whyNotWritten(error) ?? errorMessage(error);
}
