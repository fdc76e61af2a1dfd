/**
 * Bytes that programs can get without anything being written to disk, of the output of `vm_stat`: free pages, and those whose content
 * can be dropped (speculative read-ahead, purgeable caches, and the file-backed part of what is inactive).
 */
export function parseAvailableBytes(output: string): number | undefined {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(output)?.[1]);
  const pages = (label: string): number | undefined => {
    const found = new RegExp(`^"?${label}"?: +(\\d+)\\.?$`, 'm').exec(output)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const free = pages('Pages free');
  if (free === undefined || !Number.isFinite(pageBytes)) return undefined;
  const speculative = pages('Pages speculative') ?? 0;
  const purgeable = pages('Pages purgeable') ?? 0;
  const fileBacked = Math.min(pages('Pages inactive') ?? 0, pages('File-backed pages') ?? Infinity);
  return (free + speculative + purgeable + fileBacked) * pageBytes;
}
