import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '../access/access-key.ts';
import { ClientGoneError } from '../errors.ts';
import { TraceRecorder } from '../telemetry/trace.ts';

/** One request and its response, from the end of the headers to the last byte of the answer. */
export class Exchange {
  readonly id: string;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly startedMs: number;
  /** Where the request's time goes. */
  readonly trace: TraceRecorder;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Who asks; undefined until that is known, and for strangers on paths that are open to them. */
  caller: Caller | undefined;
  /** What the access log says besides method, path, status and duration; never text of a prompt or an answer. */
  readonly logFields: Record<string, string | number | boolean> = {};
  /** The field of the body that holds the prompt. */
  promptParam: 'messages' | 'prompt' | 'input' | 'documents' | undefined;
  #controller = new AbortController();
  #closers: (() => void)[] = [];
  #closed = false;

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    about: {
      readonly id: string;
      readonly startedMs: number;
      /** Wall-clock milliseconds since 1970. */
      readonly startedAtMs: number;
      readonly expectsContinue: boolean;
    },
  ) {
    this.id = about.id;
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.startedMs = about.startedMs;
    this.expectsContinue = about.expectsContinue;
    this.trace = new TraceRecorder(about.id, { method: incoming.method ?? 'GET', startedAtMs: about.startedAtMs });
  }

  /** Aborts when the client is gone or the gateway stops. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Nobody reads the answer any more. */
  get gone(): boolean {
    return this.signal.reason instanceof ClientGoneError;
  }

  abort(reason: Error): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
  }

  /** Calls back once, when the response is complete or its connection is lost. */
  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#closers.push(callback);
  }

  /** The response is complete or its connection is lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.outgoing.writableFinished) this.abort(new ClientGoneError('The client closed the connection.'));
    for (const closer of this.#closers) closer();
  }
}
