import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

/** Grows when the way of measuring changes, so that older figures are measured again. */
const METHOD = 1;
/** Most machines that one file remembers (a home folder on a network, a disk that moves). */
const MAX_ENTRIES = 64;

const fileSchema = z.object({
  method: z.literal(METHOD),
  /** Bytes a second by chip and number of threads. */
  memoryBandwidth: z.record(z.string().max(256), z.number().positive()),
});

/** A figure measured before; undefined without one, or when the file cannot be read. */
export async function rememberedBandwidth(path: string, key: string): Promise<number | undefined> {
  return (await read(path))[key];
}

/** Keeps a figure for the next start. Never rejects: a figure that cannot be kept is measured again. */
export async function rememberBandwidth(path: string, key: string, bytesPerSecond: number): Promise<void> {
  const entries = Object.entries({ ...(await read(path)), [key]: bytesPerSecond }).slice(-MAX_ENTRIES);
  const text = JSON.stringify({ method: METHOD, memoryBandwidth: Object.fromEntries(entries) }, undefined, 2);
  const temporary = `${path}.${process.pid}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, `${text}\n`);
    await rename(temporary, path);
  } catch {
    // A full or read-only disk.
  }
}

async function read(path: string): Promise<Readonly<Record<string, number>>> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data.memoryBandwidth : {};
  } catch {
    return {};
  }
}
