import type { TextEmbedder } from '@pippa/core';
import { layerCount } from '@pippa/gguf';
import type { OpenEmbedder } from '@pippa/llama';
import { planEmbedder } from '../engine/plan-embedder.ts';
import type { ModelFiles, NamedModel } from './model-files.ts';

export interface NodeEmbeddersParts {
  readonly files: ModelFiles;
  /** Takes memory that models may have; returns how to give it back. Throws `OutOfMemoryError`. */
  readonly reserve: (bytes: number, what: string) => Promise<() => void>;
  readonly contextTokens: number | undefined;
  readonly threads: number | { readonly atMost: number };
}

interface Opened {
  readonly embedder: OpenEmbedder;
  readonly memoryBytes: number;
  readonly giveBack: () => void;
}

/**
 * What makes vectors on this node: whole models, loaded when they are first asked for vectors and kept. One that writes is loaded
 * beside its ring, without a copy in memory where its weights are mapped from the file.
 */
export class NodeEmbedders {
  readonly #parts: NodeEmbeddersParts;
  readonly #opening = new Map<string, Promise<Opened>>();
  readonly #stopping = new AbortController();

  constructor(parts: NodeEmbeddersParts) {
    this.#parts = parts;
  }

  /** Throws `OutOfMemoryError`, `ModelNotFoundError`, and what loading throws; what went wrong is tried again the next time. */
  async get(model: NamedModel): Promise<TextEmbedder> {
    const opening = this.#opening.get(model.id) ?? this.#open(model);
    const { embedder } = await opening;
    if (!embedder.isGone) return embedder;
    // Its thread has ended. Whoever finds that out first opens another.
    const latest = this.#opening.get(model.id);
    return (await (latest === undefined || latest === opening ? this.#open(model) : latest)).embedder;
  }

  /** What an opened one takes; undefined for one that is not. */
  async describe(
    model: NamedModel,
  ): Promise<{ readonly memoryBytes: number; readonly contextTokens: number; readonly backend: string } | undefined> {
    const opened = await this.#opening.get(model.id);
    if (opened === undefined) return undefined;
    const { info, contextTokens } = opened.embedder;
    return { memoryBytes: opened.memoryBytes, contextTokens, backend: info.backend };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const opening of this.#opening.values()) {
      const opened = await opening.catch(() => undefined);
      await opened?.embedder[Symbol.asyncDispose]();
      opened?.giveBack();
    }
    this.#opening.clear();
  }

  #open(model: NamedModel): Promise<Opened> {
    const opening = this.#load(model);
    this.#opening.set(model.id, opening);
    opening.catch(() => {
      if (this.#opening.get(model.id) === opening) this.#opening.delete(model.id);
    });
    return opening;
  }

  async #load(model: NamedModel): Promise<Opened> {
    const before = await this.#opening.get(model.id)?.catch(() => undefined);
    before?.giveBack();
    const { files, reserve, contextTokens, threads } = this.#parts;
    const { signal } = this.#stopping;
    const { model: header } = await files.header(model, signal);
    const { model: whole, arrival } = await files.shard(model, { from: 0, to: layerCount(header) }, { signal });
    await arrival?.done;
    const { options, memoryBytes } = planEmbedder(whole, { contextTokens, threads });
    const giveBack = await reserve(memoryBytes, `${model.name} to make vectors with`);
    try {
      const { openEmbedder } = await import('@pippa/llama');
      return { embedder: await openEmbedder(options, { signal }), memoryBytes, giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }
}
