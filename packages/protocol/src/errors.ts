import { PippaError } from '@pippa/core';

/** A peer sent something that breaks the protocol: it is dropped with this as the reason. */
export class ProtocolError extends PippaError {
  readonly code: string = 'protocol_error';
}
