import { Socket } from 'node:net';

type Write = (this: Socket, ...rest: unknown[]) => void;

/** Private part of Node's sockets that all they write goes through, one chunk after the other. */
interface SocketParts {
  _writeGeneric: Write;
}

/** Has whatever a socket of this process writes take up to `mostMs`, in order: what crosses on its way does so as between two machines. */
export function slowSockets(mostMs: number, random: () => number): Disposable {
  const parts = Socket.prototype as unknown as SocketParts;
  const original = parts._writeGeneric;
  parts._writeGeneric = function (...rest) {
    setTimeout(() => original.apply(this, rest), random() * mostMs);
  };
  return {
    [Symbol.dispose]() {
      parts._writeGeneric = original;
    },
  };
}
