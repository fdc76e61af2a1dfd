import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelLoadError } from './errors.ts';
import { findLibraryDirectory, libraryFile, PINNED_LLAMA_VERSION } from './libraries.ts';

/**
 * Whether the installed llama.cpp may know a `general.architecture`; false is certain. There is no call for it, but the names that it
 * compares with are texts in its library; one may be the end of a longer text there. Reads the library: for when loading has failed.
 */
function mayKnowArchitecture(name: string, directory: string = findLibraryDirectory()): boolean {
  return readFileSync(join(directory, libraryFile(directory, 'libllama.'))).includes(`${name}\0`);
}

/** What to say of a model that could not be loaded: that its architecture is not known, where that is why, else what was thrown. */
export function explainLoadFailure(error: unknown, architecture: string): unknown {
  if (!(error instanceof ModelLoadError) || mayKnowArchitecture(architecture)) return error;
  return new ModelLoadError(`llama.cpp ${PINNED_LLAMA_VERSION} does not know its architecture, ${architecture}.`, {
    hint: 'Update pippa-agent for newer architectures, or take another model.',
    cause: error,
  });
}
