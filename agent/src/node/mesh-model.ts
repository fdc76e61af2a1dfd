import type {
  AnswerOptions,
  ChatRequest,
  CompletionRequest,
  LoadOptions,
  LoadProgress,
  ModelCapabilities,
  ModelFacts,
  ServedModel,
  TextEmbedder,
  TextEvent,
} from '@pippa/core';
import type { Front } from './front.ts';
import type { NamedModel } from './model-files.ts';

/** What is known of a model before anything of it is opened. */
export interface KnownFacts {
  readonly architecture: string;
  readonly parameterCount: number;
  readonly fileBytes: number;
  readonly facts?: ModelFacts;
}

export interface MeshModelParts {
  readonly model: NamedModel;
  readonly createdMs: number;
  readonly known: KnownFacts;
  /** What its ring holds; what one would be made for while there is none. */
  readonly contextTokens: () => number;
  /** A ring of it is up. */
  readonly isReady: () => boolean;
  /** Undefined: no ring of it comes up. */
  readonly loading: () => LoadProgress | undefined;
  /** Has a ring of it up. */
  readonly load: (options: LoadOptions) => Promise<void>;
  /** Opens the front and sees to it that a ring is up or coming up. */
  readonly prepare: (signal: AbortSignal) => Promise<Front>;
  readonly openFront: (signal: AbortSignal) => Promise<Front>;
  /** Opens what makes vectors with it on this node. */
  readonly embedder: () => Promise<TextEmbedder>;
}

/** A model of the mesh, answered for by this node wherever its layers are; whatever is missing is brought up when it is asked. */
export class MeshModel implements ServedModel {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  readonly #parts: MeshModelParts;

  constructor(parts: MeshModelParts) {
    this.#parts = parts;
    this.id = parts.model.id;
    this.name = parts.model.name;
    this.createdMs = parts.createdMs;
  }

  get contextTokens(): number {
    return this.#parts.contextTokens();
  }

  get architecture(): string {
    return this.#parts.known.architecture;
  }

  get parameterCount(): number {
    return this.#parts.known.parameterCount;
  }

  get fileBytes(): number {
    return this.#parts.known.fileBytes;
  }

  get facts(): ModelFacts {
    return this.#parts.known.facts ?? { id: this.#parts.model.id };
  }

  get ready(): boolean {
    return this.#parts.isReady();
  }

  get loading(): LoadProgress | undefined {
    return this.#parts.loading();
  }

  load(options: LoadOptions): Promise<void> {
    return this.#parts.load(options);
  }

  async capabilities(): Promise<ModelCapabilities> {
    const { served } = await this.#parts.openFront(new AbortController().signal);
    return (await served.capabilities?.()) ?? { tools: false, reasoning: false, fillInMiddle: false };
  }

  async countPromptTokens(request: ChatRequest): Promise<number> {
    const { served } = await this.#parts.openFront(new AbortController().signal);
    return (await served.countPromptTokens?.(request)) ?? 0;
  }

  embedder(): Promise<TextEmbedder> {
    return this.#parts.embedder();
  }

  async *chat(request: ChatRequest, options: AnswerOptions): AsyncGenerator<TextEvent, void, undefined> {
    const { served } = await this.#parts.prepare(options.signal);
    yield* served.chat(request, options);
  }

  async *complete(request: CompletionRequest, options: AnswerOptions): AsyncGenerator<TextEvent, void, undefined> {
    const { served } = await this.#parts.prepare(options.signal);
    yield* served.complete(request, options);
  }
}
