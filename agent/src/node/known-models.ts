import { ModelNotFoundError, type Mesh, type ModelService, type ServedModel } from '@pippa/core';
import { findByName, type LibraryModel } from '@pippa/models';
import type { KnownFacts } from './mesh-model.ts';
import type { NamedModel } from './model-files.ts';

export interface KnownModelsParts {
  readonly mesh: Pick<Mesh, 'peers'>;
  /** Models that the agent was started for, in order: they come first, also in doubt about a name. */
  readonly asked: readonly LibraryModel[];
  /** What lies on this machine's disk. */
  readonly local: () => readonly LibraryModel[];
  readonly serve: (model: NamedModel, known: KnownFacts) => ServedModel;
}

interface Known {
  readonly kind: 'model';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly model: NamedModel;
  readonly facts: KnownFacts;
  /** Not on this node's disk. */
  readonly isPeers: boolean;
}

/** The models of the mesh: what this node was started for, what lies on its disk, and what its peers have. */
export class KnownModels implements ModelService {
  readonly #parts: KnownModelsParts;

  constructor(parts: KnownModelsParts) {
    this.#parts = parts;
  }

  list(): readonly ServedModel[] {
    return this.#known().map((known) => this.#parts.serve(known.model, known.facts));
  }

  get(asked: string): ServedModel {
    const { model, facts } = this.#get(asked);
    return this.#parts.serve(model, facts);
  }

  /** Which model is meant. Throws `ModelNotFoundError` naming the models there are. */
  find(asked: string): NamedModel {
    return this.#get(asked).model;
  }

  #get(asked: string): Known {
    const known = this.#known();
    const found = findByName(asked, known);
    if (found !== undefined) return found;
    throw new ModelNotFoundError(
      asked,
      known.map((each) => each.name),
    );
  }

  /** Each name once; what peers have under another name than this node is left out. */
  #known(): readonly Known[] {
    const names = new Set<string>();
    const ids = new Set<string>();
    return [...this.#candidates()].filter(({ name, model, isPeers }) => {
      if (names.has(name) || (isPeers && ids.has(model.id))) return false;
      names.add(name);
      ids.add(model.id);
      return true;
    });
  }

  *#candidates(): Iterable<Known> {
    const { mesh, asked, local } = this.#parts;
    for (const { name, aliases, id, manifest } of [...asked, ...local()]) {
      const { architecture, parameterCount, fileBytes } = manifest;
      yield {
        kind: 'model',
        name,
        aliases,
        isPeers: false,
        model: { id, name },
        facts: { architecture, parameterCount, fileBytes, facts: factsOf(manifest) },
      };
    }
    for (const { state, card } of mesh.peers()) {
      if (state === 'dead' || card === undefined) continue;
      for (const { id, name, fileBytes, layerCount } of card.models) {
        const facts = { architecture: 'unknown', parameterCount: 0, fileBytes, facts: { id, layerCount } };
        yield { kind: 'model', name, aliases: [], isPeers: true, model: { id, name }, facts };
      }
    }
  }
}

function factsOf(manifest: LibraryModel['manifest']): NonNullable<KnownFacts['facts']> {
  return {
    id: manifest.id,
    quantisation: manifest.quantisation,
    layerCount: manifest.layers.length,
    embeddingLength: manifest.embeddingLength,
    vocabularySize: manifest.vocabularySize,
    trainedContextTokens: manifest.contextLength,
  };
}
