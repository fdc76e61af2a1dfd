import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whose folder a model lies in. Only in the agent's `own` are files ever removed or written. */
export type PlaceKind = 'embedded' | 'folder' | 'own' | 'ollama' | 'lm-studio' | 'hugging-face' | 'llama.cpp';

/** A folder in which models may lie; it need not exist. */
export interface ModelPlace {
  readonly kind: PlaceKind;
  readonly directory: string;
}

export interface PlaceOptions {
  /** What came with the package. */
  readonly embedded: string;
  /** Folders that the user named. */
  readonly asked: readonly string[];
  /** The agent's own. */
  readonly own: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

/** What people are told of a place. */
export const PLACE_LABELS: Readonly<Record<PlaceKind, string>> = {
  embedded: 'pippa-agent',
  folder: 'folder',
  own: 'own',
  ollama: 'Ollama',
  'lm-studio': 'LM Studio',
  'hugging-face': 'Hugging Face',
  'llama.cpp': 'llama.cpp',
};

/** Where models are looked for, in the order of preference: of two models with one name the earlier counts. */
export function modelPlaces(options: PlaceOptions): readonly ModelPlace[] {
  const { environment, home, platform } = options;
  const caches = environment['XDG_CACHE_HOME'] ?? join(home, '.cache');
  const platformCaches = platform === 'darwin' ? join(home, 'Library/Caches') : caches;
  return [
    { kind: 'embedded', directory: options.embedded },
    ...options.asked.map((directory): ModelPlace => ({ kind: 'folder', directory })),
    { kind: 'own', directory: options.own },
    { kind: 'ollama', directory: environment['OLLAMA_MODELS'] ?? join(home, '.ollama/models') },
    // Where the service that its Linux installer sets up keeps them.
    ...(platform === 'linux' ? [{ kind: 'ollama', directory: '/usr/share/ollama/.ollama/models' } as const] : []),
    { kind: 'lm-studio', directory: join(lmStudioHome(home), 'models') },
    { kind: 'lm-studio', directory: join(home, '.cache/lm-studio/models') },
    { kind: 'hugging-face', directory: huggingFaceHub(environment, caches) },
    { kind: 'llama.cpp', directory: environment['LLAMA_CACHE'] ?? join(platformCaches, 'llama.cpp') },
  ];
}

/** https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */
function huggingFaceHub(environment: PlaceOptions['environment'], caches: string): string {
  return environment['HF_HUB_CACHE'] ?? join(environment['HF_HOME'] ?? join(caches, 'huggingface'), 'hub');
}

/** LM Studio leaves a pointer when its folder was moved. */
function lmStudioHome(home: string): string {
  try {
    const pointer = readFileSync(join(home, '.lmstudio-home-pointer'), 'utf8').trim();
    if (pointer !== '' && pointer.length < 4096) return pointer;
  } catch {
    // Not moved.
  }
  return join(home, '.lmstudio');
}
