import {
  PippaError,
  StreamLostError,
  nameOf,
  type Frame,
  type GenerationEvent,
  type GenerationRequest,
  type Mesh,
  type ModelId,
  type PeerId,
  type RingId,
  type TokenGenerator,
} from '@pippa/core';
import { encodeGenerate, GENERATE_PROTOCOL, parseGenerationReport } from '@pippa/protocol';
import { EventStream } from '../event-stream.ts';
import { reviveError } from './wire-errors.ts';

/** A ring that another node conducts. */
export class RemoteGenerator implements TokenGenerator {
  readonly contextTokens: number;
  readonly #mesh: Mesh;
  readonly #where: { readonly peer: PeerId; readonly ring: RingId; readonly model: ModelId };

  constructor(mesh: Mesh, where: { readonly peer: PeerId; readonly ring: RingId; readonly model: ModelId }, contextTokens: number) {
    this.#mesh = mesh;
    this.#where = where;
    this.contextTokens = contextTokens;
  }

  /** Throws as `TokenGenerator.generate`, and `PeerUnreachableError` or `StreamLostError` when the conductor is lost. */
  generate(
    request: GenerationRequest,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterableIterator<GenerationEvent, undefined> {
    const left = new AbortController();
    const until = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    return new EventStream<GenerationEvent>(
      (events) => void this.#run(request, events, until).catch((error: unknown) => events.fail(error)),
      () => left.abort(),
    );
  }

  async #run(request: GenerationRequest, events: EventStream<GenerationEvent>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { peer, ring, model } = this.#where;
    const stream = await this.#mesh.open(peer, GENERATE_PROTOCOL, { signal, eager: true });
    let ended = false;
    const onAbort = (): void => {
      events.fail(signal.reason);
      void stream.close();
    };
    const take = (frame: Frame): void => {
      const report = parseGenerationReport(frame.header);
      switch (report.kind) {
        case 'tokens':
          for (const token of report.tokens) events.push({ kind: 'token', ...token });
          break;
        case 'end':
          ended = true;
          events.push(report);
          events.end();
          break;
        case 'error':
          ended = true;
          events.fail(reviveError(report, { promptTokens: request.prompt.length, contextTokens: this.contextTokens }));
          break;
      }
    };
    stream.onFrame((frame) => {
      try {
        take(frame);
      } catch (error) {
        events.fail(error);
        stream.abort(error instanceof PippaError ? error : new StreamLostError('A report could not be taken.', { cause: error }));
      }
    });
    signal.addEventListener('abort', onAbort, { once: true });
    void stream.closed.then((error) => {
      signal.removeEventListener('abort', onAbort);
      if (!ended)
        events.fail(error ?? new StreamLostError(`${nameOf(this.#mesh, peer)} closed the stream in the middle of an answer.`));
    });
    // It may have been given while the stream was opened.
    if (signal.aborted) {
      onAbort();
      return;
    }
    const { header, payload } = encodeGenerate({ model, ring, request });
    await stream.send(header, payload);
  }
}
