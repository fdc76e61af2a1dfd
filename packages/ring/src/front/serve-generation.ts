import { PippaError, StoppedError, type FrameStream, type Logger, type TokenGenerator } from '@pippa/core';
import {
  decodeGenerate,
  endReport,
  ProtocolError,
  tokensReport,
  type GenerateMessage,
  type GenerationReportInput,
} from '@pippa/protocol';
import { describeError } from './wire-errors.ts';

/** Answers one generation of a front on another node; ends with the stream, whoever ends it. */
export function serveGeneration(
  stream: FrameStream,
  parts: {
    /** Undefined: no such ring here (any more). */
    readonly find: (wanted: Pick<GenerateMessage, 'model' | 'ring'>) => TokenGenerator | undefined;
    readonly logger: Logger;
  },
): void {
  const controller = new AbortController();
  void stream.closed.then((error) => controller.abort(error ?? new StoppedError('The front left.')));
  let begun = false;
  stream.onFrame((frame) => {
    try {
      if (begun) throw new ProtocolError('A front sent a second request over one stream.');
      begun = true;
      void answer(decodeGenerate(frame));
    } catch (error) {
      stream.abort(error instanceof PippaError ? error : new ProtocolError('A request could not be read.', { cause: error }));
    }
  });

  async function answer({ model, ring, request }: GenerateMessage): Promise<void> {
    const send = (report: GenerationReportInput): Promise<void> => stream.send(report);
    try {
      const generator = parts.find({ model, ring });
      if (generator === undefined) throw new StoppedError('The ring is not here any more.');
      for await (const event of generator.generate(request, { signal: controller.signal })) {
        // Waiting for the front's window is what slows a fast ring down to a slow reader.
        await send(event.kind === 'token' ? tokensReport([event]) : endReport(event));
      }
      await stream.close();
    } catch (error) {
      if (controller.signal.aborted) return;
      parts.logger.debug({ err: error, front: stream.peer }, 'generation failed');
      await send({ kind: 'error', ...describeError(error) }).catch(() => {});
      await stream.close().catch(() => {});
    }
  }
}
