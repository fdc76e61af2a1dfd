import type { Connection, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface';
import { tcp, type TCPComponents, type TCPOptions } from '@libp2p/tcp';
import type { Socket } from 'node:net';
import type { Uint8ArrayList } from 'uint8arraylist';

/** Private parts of @libp2p/tcp 11.0.28, which is pinned for them; without them things work as they come, only slower. */
interface SocketConnection {
  socket?: Socket;
  sendData?: (data: Uint8ArrayList) => { sentBytes: number; canSendMore: boolean };
}

/** Makes one `writev` of a message, where @libp2p/tcp makes a system call of each of its 4 to 8 parts. */
function cork(connection: MultiaddrConnection): MultiaddrConnection {
  const inner = connection as unknown as SocketConnection;
  const { socket } = inner;
  if (socket === undefined || typeof inner.sendData !== 'function') return connection;
  inner.sendData = (data) => {
    let sentBytes = 0;
    let canSendMore = true;
    socket.cork();
    try {
      for (const part of data) {
        sentBytes += part.byteLength;
        canSendMore = socket.write(part);
      }
    } finally {
      socket.uncork();
    }
    // Uncorking may have written everything at once.
    return { sentBytes, canSendMore: canSendMore || !socket.writableNeedDrain };
  };
  return connection;
}

function corkingUpgrader(upgrader: Upgrader): Upgrader {
  return new Proxy(upgrader, {
    get(target, key): unknown {
      if (key === 'upgradeInbound')
        return async (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) =>
          target.upgradeInbound(cork(connection), options);
      if (key === 'upgradeOutbound')
        return async (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeOutbound']>[1]) =>
          target.upgradeOutbound(cork(connection), options);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

export function corkedTcp(options: TCPOptions): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp(options)(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = async (address, dialOptions) =>
      dial(address, { ...dialOptions, upgrader: corkingUpgrader(dialOptions.upgrader) });
    transport.createListener = (listenerOptions) =>
      createListener({ ...listenerOptions, upgrader: corkingUpgrader(listenerOptions.upgrader) });
    return transport;
  };
}

/** Addresses of the socket under a connection, as the operating system sees it. Undefined where libp2p's inside is not as it was. */
export function socketAddresses(connection: Connection): { readonly local: string; readonly remote: string } | undefined {
  const { maConn } = connection as unknown as { readonly maConn?: SocketConnection };
  const local = maConn?.socket?.localAddress;
  const remote = maConn?.socket?.remoteAddress;
  return local === undefined || remote === undefined ? undefined : { local: plainAddress(local), remote: plainAddress(remote) };
}

export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What went over a connection so far, as TCP carried it; 0 where libp2p's inside is not as it was. */
export function trafficOf(connection: Connection): Traffic {
  const { maConn } = connection as unknown as { readonly maConn?: SocketConnection };
  return { sentBytes: maConn?.socket?.bytesWritten ?? 0, receivedBytes: maConn?.socket?.bytesRead ?? 0 };
}

/** Calls back for every stream that the other side opens, before its protocol is known. */
export function onIncomingStream(connection: Connection, callback: () => void): void {
  const { muxer } = connection as unknown as { readonly muxer?: EventTarget };
  muxer?.addEventListener('stream', callback);
}

/** `::ffff:192.168.1.2` is the IPv4 address it holds. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
