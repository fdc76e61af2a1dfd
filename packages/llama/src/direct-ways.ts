import {
  errorMessage,
  KIB,
  PippaError,
  StageError,
  type DirectOffer,
  type DirectReceiver,
  type StageInfo,
  type StageWays,
  type WayTrouble,
} from '@pippa/core';
import { connectDirect, openDirect, type DirectSender } from '@pippa/direct';
import {
  bytesPerActivation,
  encodeResult,
  encodeStep,
  packActivations,
  readStageInput,
  STREAM_FRAME_LIMITS,
} from '@pippa/protocol';
import type { StepQueue } from './step-queue.ts';
import type { StageOutputFrame } from './worker-messages.ts';

/** A peer of the house answers within milliseconds; a firewall that drops what it does not like never does. */
const CONNECT_MS = 1500;

/**
 * Larger steps leave the way of the thread that drives the stage: this one computes most of the time, and what the system does not take at
 * once would lie here until the next step is done.
 */
const MAX_DIRECT_BYTES = 64 * KIB;

/** The way out of an epoch's steps. */
interface WayOut {
  readonly sender: DirectSender;
  readonly options: Parameters<StageWays['hand']>[1];
}

export interface DirectWaysParts {
  readonly queue: StepQueue;
  readonly onTrouble: (trouble: WayTrouble) => void;
}

/** The direct ways of a stage in its own thread; see `StageWays`. */
export class DirectWays {
  readonly #info: StageInfo;
  readonly #parts: DirectWaysParts;
  #receiver: DirectReceiver | undefined;
  #out: WayOut | undefined;
  /** How often a way in and a way out were opened or closed: one that opens meanwhile is of no use once that has changed. */
  #insChanged = 0;
  #outsChanged = 0;

  constructor(info: StageInfo, parts: DirectWaysParts) {
    this.#info = info;
    this.#parts = parts;
  }

  async take({ epoch, activations, firstStep }: Parameters<StageWays['take']>[0]): Promise<DirectOffer> {
    const { queue } = this.#parts;
    this.#closeIn();
    const turn = this.#insChanged;
    queue.expect(firstStep);
    const { maxRows, embeddingLength } = this.#info;
    const receiver = await openDirect({
      // Histories and grammars of samplers come beside the hidden states.
      maxFrameBytes: maxRows * embeddingLength * bytesPerActivation(activations) + STREAM_FRAME_LIMITS.headerBytes,
      onFrame: (frame) => {
        if (this.#receiver !== receiver) return;
        const cameMs = performance.now();
        const input = readStageInput(frame, this.#info, activations);
        if (input.step.epoch !== epoch) return;
        queue.push({ kind: 'step', ...input, takingInMs: performance.now() - cameMs }, true);
      },
    });
    if (turn !== this.#insChanged) {
      receiver.close();
      throw new StageError('The stage has been given other ways.');
    }
    this.#receiver = receiver;
    void receiver.closed.then((reason) => {
      if (this.#receiver !== receiver || reason === undefined) return;
      this.#receiver = undefined;
      this.#tell('in', epoch, reason);
    });
    return receiver.offer;
  }

  async hand(offer: DirectOffer, options: WayOut['options']): Promise<boolean> {
    this.#closeOut();
    const turn = this.#outsChanged;
    const sender = await connectDirect(offer, CONNECT_MS);
    if (sender === undefined) return false;
    if (turn !== this.#outsChanged) {
      sender.close();
      return false;
    }
    const out = { sender, options };
    this.#out = out;
    void sender.closed.then((reason) => {
      if (this.#out !== out || reason === undefined) return;
      this.#out = undefined;
      this.#tell('out', options.epoch, reason);
    });
    return true;
  }

  close(): void {
    this.#closeIn();
    this.#parts.queue.close();
    this.#closeOut();
  }

  /** Hands on what the stage made of a step; returns what is left to come out of the stage the other way. */
  deliver(frame: StageOutputFrame): StageOutputFrame | undefined {
    const out = this.#out;
    if (out === undefined || frame.kind === 'failure') return frame;
    const { sender, options } = out;
    const { id, epoch } = frame.kind === 'step' ? frame.step : frame.result;
    if (epoch !== options.epoch || id < options.heldBelow) return frame;
    if (frame.kind === 'result') {
      sender.send(encodeResult(frame.result));
      return undefined;
    }
    if (frame.hidden.length * bytesPerActivation(options.activations) > MAX_DIRECT_BYTES || !sender.isIdle) return frame;
    const { bytes, overflows } = packActivations(frame.hidden, options.activations);
    if (overflows > 0) {
      const message = `${overflows} hidden values do not fit 16 bits: use --activations f32 or bf16.`;
      this.#parts.onTrouble({ way: 'out', epoch, code: 'activation_overflow', message });
      return undefined;
    }
    sender.send(encodeStep(frame.step, { activations: bytes, timings: frame.timings }));
    return options.copies ? { ...frame, delivered: true } : undefined;
  }

  #closeIn(): void {
    this.#insChanged += 1;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.close();
  }

  #closeOut(): void {
    this.#outsChanged += 1;
    const out = this.#out;
    this.#out = undefined;
    out?.sender.close();
  }

  #tell(way: WayTrouble['way'], epoch: number, reason: unknown): void {
    const code = reason instanceof PippaError ? reason.code : 'stream_lost';
    this.#parts.onTrouble({ way, epoch, code, message: errorMessage(reason) });
  }
}
