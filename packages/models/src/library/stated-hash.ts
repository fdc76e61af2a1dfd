import { open, realpath, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Beside a pulled file, as `sha256sum -c` takes it. */
const sidecarOf = (path: string): string => join(dirname(path), `.${basename(path)}.sha256`);
/** `<64 digits>  <name>` */
const MAX_SIDECAR_BYTES = 8192;

/**
 * The SHA-256 that a file should have, hexadecimal: what the hub stated when it was pulled, or what the caches of Ollama and Hugging Face
 * call their blobs by. Undefined where nobody said.
 */
export async function statedSha256(path: string): Promise<string | undefined> {
  const blob = await realpath(path).then(basename, () => '');
  return /^(?:sha256-)?([0-9a-f]{64})$/.exec(blob)?.[1] ?? readSidecar(sidecarOf(path));
}

export async function keepStatedSha256(path: string, sha256: string): Promise<void> {
  await writeFile(sidecarOf(path), `${sha256}  ${basename(path)}\n`);
}

export async function forgetStatedSha256(path: string): Promise<void> {
  await rm(sidecarOf(path), { force: true });
}

async function readSidecar(path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_SIDECAR_BYTES), 0, MAX_SIDECAR_BYTES, 0);
      return /^([0-9a-f]{64})\s/.exec(buffer.toString('utf8', 0, bytesRead))?.[1];
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}
