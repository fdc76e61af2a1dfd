import { ProtocolError } from '../errors.ts';

/** A peer sent bytes that break the wire's rules or bounds; whoever reads them ends the stream with this. */
export class FrameError extends ProtocolError {
  override readonly code: string = 'bad_frame';
}

/** A length, count or depth over the limit of the protocol. */
export class FrameTooLargeError extends FrameError {
  override readonly code = 'frame_too_large';
}

/** A frame that is whole, but whose header isn't what the protocol says. */
export class BadMessageError extends FrameError {
  override readonly code = 'bad_message';
}
