import type { PippaError } from './errors.ts';

/**
 * Where one connection past the mesh's streams is taken. It is told to one peer over an authenticated and encrypted stream and to nobody
 * else: whoever knows the key is that peer.
 */
export interface DirectOffer {
  readonly port: number;
  /** As the peer may reach this node: those of the network first, this machine's own last. */
  readonly addresses: readonly string[];
  /** Which offer it is, in clear. */
  readonly identity: string;
  /** 32 random bytes. */
  readonly key: Uint8Array;
}

/** The taking end of such a connection: frames come in through the consumer that it was opened with. */
export interface DirectReceiver {
  readonly offer: DirectOffer;
  /** Settles once: with why the connection is gone, or undefined when this side closed it (also before anybody came). */
  readonly closed: Promise<PippaError | undefined>;
  close(): void;
}

/** Takes direct connections. */
export interface DirectDoor {
  /** Listens for one peer. `onFrame` gets each frame in a buffer of its own; what it throws ends the connection. Throws when nothing can be listened on. */
  open(options: {
    readonly maxFrameBytes: number;
    readonly onFrame: (frame: Uint8Array<ArrayBuffer>) => void;
  }): Promise<DirectReceiver>;
}
