/** Where a file's model comes from, as far as its place says. */
export interface Repository {
  readonly owner: string;
  readonly name: string;
}

export interface ModelNames {
  /** `repo:quant`, or the file's stem where it tells no quantisation. */
  readonly name: string;
  /** Further names under which it is found; compared without regard to case. */
  readonly aliases: readonly string[];
}

/** Quantisation tags at the end of a file's stem: `Q4_K_M`, `UD-Q4_K_XL`, `IQ2_XXS`, `BF16`, `MXFP4_MOE`, `TQ1_0`. */
const QUANTISATION = /^(.+?)[-._]((?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|BF16|FP?16|FP?32|MXFP4(?:_[A-Z]+)?|NVFP4))$/i;
const GGUF_SUFFIX = /[-_.]gguf$/i;

/** A projector for images or sound: they are named like this by everyone who publishes them. */
export function isProjectorPath(path: string): boolean {
  return /mmproj[^/\\]*\.gguf$/i.test(path);
}

/** File name without folder, extension and the part numbers of a split model. */
export function fileStem(path: string): string {
  const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return file.replace(/(-00001-of-\d{5})?\.gguf$/i, '');
}

/** `Qwen3-8B-Q4_K_M` -> `Qwen3-8B` and `Q4_K_M`. */
export function splitStem(stem: string): { readonly base: string; readonly quantisation: string | undefined } {
  const match = QUANTISATION.exec(stem);
  return match === null
    ? { base: stem, quantisation: undefined }
    : { base: match[1] ?? stem, quantisation: match[2]?.toUpperCase() };
}

/** Names of a GGUF file by its path and, where its place tells one, its repository. */
export function namesOfFile(path: string, repository?: Repository): ModelNames {
  const stem = fileStem(path);
  const { base, quantisation } = splitStem(stem);
  const name = quantisation === undefined ? stem : `${base}:${quantisation}`;
  const aliases = new Set([stem, name]);
  if (repository !== undefined) {
    const tag = quantisation === undefined ? '' : `:${quantisation}`;
    const short = repository.name.replace(GGUF_SUFFIX, '');
    for (const alias of [short, repository.name]) {
      aliases.add(`${alias}${tag}`);
      aliases.add(`${repository.owner}/${alias}${tag}`);
    }
  }
  aliases.delete(name);
  return { name, aliases: [...aliases] };
}

/**
 * The name that Ollama's library would use, by what the header says of itself: `Llama-3.2` and `1B` give `llama3.2:1b`. Undefined when
 * the header does not say both.
 */
export function familyAlias(baseName: string | undefined, sizeLabel: string | undefined): string | undefined {
  if (baseName === undefined || sizeLabel === undefined) return undefined;
  const family = baseName
    .trim()
    .toLowerCase()
    .replaceAll(/\s+/g, '-')
    .replaceAll(/([a-z])-(?=\d)/g, '$1');
  const size = sizeLabel.trim().toLowerCase();
  return /^[\w.-]{1,96}$/.test(family) && /^[\w.]{1,32}$/.test(size) ? `${family}:${size}` : undefined;
}
