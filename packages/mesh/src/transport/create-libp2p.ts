import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import type { PrivateKey } from '@libp2p/interface';
import { FaultTolerance } from '@libp2p/interface';
import { MIB } from '@pippa/core';
import { createLibp2p, type Libp2p } from 'libp2p';
import { corkedTcp } from './corked-tcp.ts';
import { quietLogger } from './quiet-logger.ts';

/** Nodes of a house, several connections each while links change; a mesh of 100 nodes fits thrice. */
const MAX_CONNECTIONS = 300;
/** Connections from one address a second: many agents on one host come back at once, a flood doesn't get further. */
const INBOUND_CONNECTIONS_PER_SECOND = 64;
const MAX_PENDING_CONNECTIONS = 64;
/** yamux measures the round trip for its windows at once; after that it asks no more than this: heartbeats do more. */
const KEEP_ALIVE_MS = 600_000;
/** Streams a peer may have open at once; a front opens one a request. */
const MAX_STREAMS = 512;

export interface TransportOptions {
  readonly privateKey: PrivateKey;
  /** Multiaddrs. */
  readonly listen: readonly string[];
}

/**
 * libp2p with nothing but transport, encryption and streams: no identify, no ping and no monitor, which would answer strangers and tell
 * them addresses and protocols. MESH.md has the measurements behind the windows and water marks.
 */
export async function createTransport({ privateKey, listen }: TransportOptions): Promise<Libp2p> {
  // Passed on to `net.Socket`, which the types of @libp2p/tcp don't know of.
  const socket = { highWaterMark: MIB, keepAliveInitialDelay: 5_000 } as object;
  return createLibp2p({
    start: false,
    logger: quietLogger,
    privateKey,
    addresses: { listen: [...listen] },
    transports: [corkedTcp({ dialOpts: socket, listenOpts: socket })],
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS,
        maxOutboundStreams: MAX_STREAMS,
        keepAliveInterval: KEEP_ALIVE_MS,
        streamOptions: {
          initialStreamWindowSize: 4 * MIB,
          maxStreamWindowSize: 16 * MIB,
          maxReadBufferLength: 32 * MIB,
          maxWriteBufferLength: 256 * MIB,
        },
      }),
    ],
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundUpgradeTimeout: 10_000,
      dialTimeout: 20_000,
      addressDialTimeout: 8_000,
    },
  });
}
