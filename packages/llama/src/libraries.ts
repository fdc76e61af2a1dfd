import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi, { type LibraryHandle } from 'koffi';
import { LibraryError } from './errors.ts';

/** The llama.cpp release that the struct layouts in `structs.ts` belong to (node-llama-cpp 3.21.1). */
export const PINNED_LLAMA_VERSION = '0.4.0';

export interface Libraries {
  /** Folder that holds the libraries and their backends. */
  readonly directory: string;
  readonly base: LibraryHandle;
  readonly ggml: LibraryHandle;
  readonly llama: LibraryHandle;
}

/** Platform packages that can serve this machine, best first. GPU ones are optional extras that a user may have added. */
export function platformPackages(platform: NodeJS.Platform, architecture: string): readonly string[] {
  switch (`${platform}-${architecture}`) {
    case 'darwin-arm64':
      return ['mac-arm64-metal'];
    case 'darwin-x64':
      return ['mac-x64'];
    case 'linux-x64':
      return ['linux-x64-cuda', 'linux-x64-vulkan', 'linux-x64'];
    case 'linux-arm64':
      return ['linux-arm64'];
    default:
      return [];
  }
}

/** The package exports its entry alone (`dist/index.js`); its `bins` folder lies beside `dist`. */
function packageBins(name: string): string | undefined {
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(`@node-llama-cpp/${name}`))), '..', 'bins');
  } catch {
    return undefined;
  }
}

/** `PIPPA_LLAMA_LIBRARIES` names a folder of libraries to use instead of the installed package's. */
export function findLibraryDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const override = environment['PIPPA_LLAMA_LIBRARIES'];
  if (override !== undefined && override !== '') return override;
  const candidates = platformPackages(process.platform, process.arch);
  for (const name of candidates) {
    const bins = packageBins(name);
    const folder = bins === undefined ? undefined : readdirSync(bins)[0];
    if (bins !== undefined && folder !== undefined) return join(bins, folder);
  }
  throw new LibraryError(
    candidates.length === 0
      ? `There is no prebuilt llama.cpp library for ${process.platform} on ${process.arch}.`
      : `No llama.cpp library is installed (looked for ${candidates.map((name) => `@node-llama-cpp/${name}`).join(', ')}).`,
    { hint: 'Install pippa-agent again without --omit=optional.' },
  );
}

/** Whether the installed libraries can compute on graphics cards with memory of their own; opens nothing. */
export function hasCudaBackend(directory: string = findLibraryDirectory()): boolean {
  return readdirSync(directory).some((name) => name.startsWith('libggml-cuda'));
}

/** Name of the one whose name begins like that. Throws `LibraryError`. */
export function libraryFile(directory: string, prefix: string): string {
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch (cause) {
    throw new LibraryError(`The folder of llama.cpp libraries cannot be read: ${directory}`, { cause });
  }
  const file = files.find((name) => name.startsWith(prefix) && /\.(so|dylib)$/.test(name));
  if (file === undefined) throw new LibraryError(`The folder ${directory} holds no ${prefix}* library.`);
  return file;
}

/** Opens the shared libraries in this thread; the process holds one copy however many threads open them. */
export function openLibraries(directory: string): Libraries {
  const open = (prefix: string): LibraryHandle => {
    const file = libraryFile(directory, prefix);
    try {
      return koffi.load(join(directory, file));
    } catch (cause) {
      throw new LibraryError(`The library ${file} cannot be loaded on this machine.`, { cause });
    }
  };
  // In this order: each needs the ones before it.
  return { directory, base: open('libggml-base'), ggml: open('libggml.'), llama: open('libllama.') };
}

/** The libraries of the installed platform package. */
export function openInstalledLibraries(): Libraries {
  return openLibraries(findLibraryDirectory());
}
