import { PeerUnreachableError, PippaError, StreamLostError, type PippaErrorOptions } from '@pippa/core';

/** The peer ended the stream on purpose, for a reason of its own: `code` is the peer's. */
export class StreamAbortedError extends StreamLostError {
  override readonly code: string;

  constructor(message: string, code: string, options: PippaErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The peer is there but has no handler for the protocol: it runs another version, or the part that would answer is off. */
export class UnknownProtocolError extends PeerUnreachableError {
  override readonly code = 'unknown_protocol';
}

/** A peer didn't get in, or this node wasn't let in. `code` says why; see `AdmissionRefusal` of protocol. */
export class AdmissionError extends PippaError {
  readonly code: string;

  constructor(message: string, code: string, options: PippaErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** A join code that was mistyped or isn't one. */
export class InviteCodeError extends PippaError {
  readonly code = 'bad_invite_code';
}

/** The folder that holds identity and key can't be used as it is. */
export class MeshStateError extends PippaError {
  readonly code = 'mesh_state';
}
