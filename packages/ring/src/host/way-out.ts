import {
  StreamLostError,
  nameOf,
  type ActivationFormat,
  type FrameStream,
  type Mesh,
  type PeerId,
  type PippaError,
  type StageRunner,
  type StageTiming,
  type Step,
} from '@pippa/core';
import { encodeStep, parseStepsDirect, STEP_HEADER, STEPS_PROTOCOL, type StepsDirect, type StepsHello } from '@pippa/protocol';

export interface WayOutOptions {
  readonly mesh: Mesh;
  readonly runner: StageRunner;
  readonly peer: PeerId;
  /** Addresses the next stage. */
  readonly hello: Omit<StepsHello, 'direct'>;
  readonly activations: ActivationFormat;
  /** Whether what goes out over the direct way is to come out of the runner, too. */
  readonly copies: boolean;
  /** Replayed steps have lower ids: they go over the stream alone, or small ones would overtake large ones. */
  readonly heldBelow: number;
}

/**
 * The way of an epoch from a stage to the next one: a stream to its host, which also tells when the neighbour is gone, and past it a direct
 * way between the two threads where the network allows one.
 */
export class WayOut {
  readonly peer: PeerId;
  /** Settles when the neighbour is gone. */
  readonly closed: Promise<PippaError | undefined>;
  readonly #stream: FrameStream;

  private constructor(stream: FrameStream) {
    this.#stream = stream;
    this.peer = stream.peer;
    this.closed = stream.closed;
  }

  /** Throws `PeerUnreachableError` or `StreamLostError`. */
  static async open({ mesh, runner, peer, hello, activations, copies, heldBelow }: WayOutOptions): Promise<WayOut> {
    const { ways } = runner;
    // Within a node a step changes threads without leaving memory.
    const isDirect = ways !== undefined && peer !== mesh.self;
    const stream = await mesh.open(peer, STEPS_PROTOCOL);
    try {
      const answer = isDirect ? firstAnswer(stream, nameOf(mesh, peer)) : undefined;
      await stream.send({ ...hello, direct: isDirect } satisfies StepsHello);
      const offer = (await answer)?.offer ?? null;
      if (offer !== null) await ways?.hand(offer, { epoch: hello.epoch, activations, copies, heldBelow });
      return new WayOut(stream);
    } catch (error) {
      void stream.close();
      throw error;
    }
  }

  /** Over the stream; settles when more may be sent. */
  send(step: Step, activations: Uint8Array, timings: readonly StageTiming[]): Promise<void> {
    return this.#stream.send(STEP_HEADER, encodeStep(step, { activations, timings }));
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}

function firstAnswer(stream: FrameStream, name: string): Promise<StepsDirect> {
  const answer = new Promise<StepsDirect>((resolve, reject) => {
    stream.onFrame(({ header }) => {
      try {
        resolve(parseStepsDirect(header));
      } catch (error) {
        reject(error);
      }
    });
    void stream.closed.then((error) => reject(error ?? new StreamLostError(`${name} takes no steps.`)));
  });
  // The hello may fail first, and then nobody waits for it.
  answer.catch(() => {});
  return answer;
}
