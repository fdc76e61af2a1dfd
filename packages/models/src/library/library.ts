import { stat } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import { errorMessage, type Clock, type Logger, type ModelId, type Startable } from '@pippa/core';
import { NoSuchModelError } from '../errors.ts';
import { FactsMemory } from './facts-memory.ts';
import { fileStamp } from './file-stamp.ts';
import { findModels } from './find-models.ts';
import type { FoundFile } from './found-file.ts';
import type { LibraryEntry, LibraryModel } from './library-entry.ts';
import { readFacts, type ModelFacts } from './model-facts.ts';
import { namesOfFile } from './model-naming.ts';
import type { ModelPlace } from './places.ts';
import { findByName, looksLikePath, noSuchModel } from './resolve-name.ts';

/** Looking through all places costs some milliseconds; a new file is usually minutes in coming. */
const DEFAULT_POLL_MS = 5000;

export interface LibraryOptions {
  /** In the order of preference; `modelPlaces` gives the usual ones. */
  readonly places: readonly ModelPlace[];
  /** Where the facts of files are remembered. */
  readonly memoryPath: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between looks for changes once started. */
  readonly pollMs?: number;
}

/** The models on this machine's disk. `start` watches for changes; everything else works without. */
export interface Library extends Startable {
  /** What the last `refresh` found, files that cannot be used among it. */
  list(): readonly LibraryEntry[];
  /** The usable ones, each id once. */
  models(): readonly LibraryModel[];
  byId(id: ModelId): LibraryModel | undefined;
  /** Looks again. Headers are read only of files that are new or have changed. */
  refresh(options?: { readonly signal?: AbortSignal }): Promise<readonly LibraryEntry[]>;
  /**
   * The model of a path or a name, after a look at the disk. A file that was named by its path counts among the others from then on, and
   * so goes to peers that need it. Throws `NoSuchModelError` with the names there are.
   */
  resolve(pathOrName: string, options?: { readonly signal?: AbortSignal }): Promise<LibraryEntry>;
  /** Calls back after a `refresh` that found something else than the one before. Returns how to stop that. */
  onChanged(listener: () => void): () => void;
}

export function createLibrary(options: LibraryOptions): Library {
  return new DiskLibrary(options);
}

class DiskLibrary implements Library {
  readonly #options: LibraryOptions;
  readonly #memory: FactsMemory;
  readonly #listeners = new Set<() => void>();
  /** Files that were named by their paths, elsewhere than where models are looked for. */
  readonly #named = new Map<string, FoundFile>();
  #entries: readonly LibraryEntry[] = [];
  #running: Promise<readonly LibraryEntry[]> | undefined;
  #cancelPoll: (() => void) | undefined;
  #isStarted = false;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#memory = new FactsMemory(options.memoryPath, options.logger);
  }

  list(): readonly LibraryEntry[] {
    return this.#entries;
  }

  models(): readonly LibraryModel[] {
    const byId = new Map<ModelId, LibraryModel>();
    for (const entry of this.#entries) if (entry.kind === 'model' && !byId.has(entry.id)) byId.set(entry.id, entry);
    return [...byId.values()];
  }

  byId(id: ModelId): LibraryModel | undefined {
    return this.models().find((model) => model.id === id);
  }

  async refresh(options: { readonly signal?: AbortSignal } = {}): Promise<readonly LibraryEntry[]> {
    options.signal?.throwIfAborted();
    // One look serves all who ask meanwhile.
    this.#running ??= this.#look().finally(() => (this.#running = undefined));
    const entries = await this.#running;
    options.signal?.throwIfAborted();
    return entries;
  }

  async resolve(pathOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<LibraryEntry> {
    if (await isFile(pathOrName)) return this.#entryOfPath(resolvePath(pathOrName), options.signal);
    if (looksLikePath(pathOrName)) {
      const hint = 'Give the path of a .gguf file.';
      throw new NoSuchModelError(`There is no model file ${resolvePath(pathOrName)}.`, { hint });
    }
    const entry = findByName(pathOrName, await this.refresh(options));
    if (entry !== undefined) return entry;
    const own = this.#options.places.find((place) => place.kind === 'own')?.directory ?? 'the model folder';
    throw noSuchModel(pathOrName, this.#entries, own);
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.refresh();
    this.#pollLater();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
    await this.#running?.catch(() => {});
  }

  #pollLater(): void {
    if (!this.#isStarted) return;
    this.#cancelPoll = this.#options.clock.schedule(this.#options.pollMs ?? DEFAULT_POLL_MS, () => {
      const { logger } = this.#options;
      void this.refresh()
        .catch((error: unknown) => logger.warn({ error: errorMessage(error) }, 'the model folders cannot be looked through'))
        .then(() => this.#pollLater());
    });
  }

  async #look(): Promise<readonly LibraryEntry[]> {
    await this.#memory.load();
    const entries: LibraryEntry[] = [];
    const found = await findModels(this.#options.places);
    for (const { path } of found) this.#named.delete(path);
    for (const file of [...found, ...this.#named.values()]) {
      const facts = await this.#facts(file);
      const entry = facts === undefined ? undefined : toEntry(file, facts);
      if (entry !== undefined) entries.push(entry);
    }
    await this.#memory.save();
    this.#change(entries);
    return entries;
  }

  #change(entries: readonly LibraryEntry[]): void {
    const before = this.#entries;
    this.#entries = entries;
    if (fingerprintOf(before) !== fingerprintOf(entries)) for (const listener of this.#listeners) listener();
  }

  /** Undefined for a file that has gone meanwhile. */
  async #facts(file: FoundFile, signal?: AbortSignal): Promise<ModelFacts | undefined> {
    const stamp = await fileStamp(file.path);
    if (stamp === undefined) return undefined;
    const known = this.#memory.get(stamp);
    // What was missing may have come; only the first file of a split model is stamped.
    if (known !== undefined && known.kind !== 'broken' && (await partsAreThere(known))) return known;
    const facts = await readFacts(file.path, file.name, signal);
    this.#memory.set(stamp, facts);
    return facts;
  }

  async #entryOfPath(path: string, signal: AbortSignal | undefined): Promise<LibraryEntry> {
    const known = this.#entries.find((entry) => entry.paths[0] === path);
    if (known !== undefined) return known;
    const place: ModelPlace = { kind: 'folder', directory: path };
    const file: FoundFile = { ...namesOfFile(path), place, path };
    await this.#memory.load();
    const facts = (await this.#facts(file, signal)) ?? { kind: 'broken', error: 'The file has gone.' };
    await this.#memory.save();
    const entry = toEntry(file, facts);
    if (entry === undefined) return brokenEntry(file, 'The file goes along with a model and is none itself.');
    if (entry.kind === 'model') {
      this.#named.set(path, file);
      this.#change([...this.#entries, entry]);
    }
    return entry;
  }
}

/** Undefined for what goes along with models. */
function toEntry(file: FoundFile, facts: ModelFacts): LibraryEntry | undefined {
  switch (facts.kind) {
    case 'companion':
      return undefined;
    case 'broken':
      return brokenEntry(file, facts.error);
    case 'model':
    default: {
      const { name, place, projectorPath, origin } = file;
      const aliases = [...file.aliases, ...(facts.familyAlias === undefined ? [] : [facts.familyAlias])];
      return {
        kind: 'model',
        id: facts.manifest.id,
        name,
        aliases: aliases.filter((alias) => alias !== name),
        place,
        paths: facts.paths,
        ...(projectorPath === undefined ? {} : { projectorPath }),
        ...(origin === undefined ? {} : { origin }),
        manifest: { ...facts.manifest, name },
      };
    }
  }
}

function brokenEntry({ name, aliases, place, path }: FoundFile, error: string): LibraryEntry {
  return { kind: 'broken', name, aliases, place, paths: [path], error };
}

async function partsAreThere(facts: ModelFacts): Promise<boolean> {
  if (facts.kind !== 'model') return true;
  for (const path of facts.paths) if (!(await isFile(path))) return false;
  return true;
}

function fingerprintOf(entries: readonly LibraryEntry[]): string {
  return entries
    .map((entry) => `${entry.name}\n${entry.paths.join('\n')}\n${entry.kind === 'model' ? entry.id : entry.error}`)
    .join('\n\n');
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
