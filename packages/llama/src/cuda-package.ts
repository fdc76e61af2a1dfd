/** An optional extra that a user may have added: no dependency of this one. */
const CUDA_PACKAGE = 'linux-x64-cuda';

/**
 * Whether the libraries for graphics cards by NVIDIA may be installed: that package, or a folder of one's own. A module of its own, since
 * the rest of this package takes a part of a second to load.
 */
export function mayHaveCuda(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): boolean {
  if (platform !== 'linux') return false;
  if ((environment['PIPPA_LLAMA_LIBRARIES'] ?? '') !== '') return true;
  try {
    import.meta.resolve(`@node-llama-cpp/${CUDA_PACKAGE}`);
    return true;
  } catch {
    return false;
  }
}
