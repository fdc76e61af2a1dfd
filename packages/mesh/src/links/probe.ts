import { StreamLostError, type Clock, type FrameStream, type Mesh, type PeerId } from '@pippa/core';

/** A stream on which whatever comes is thrown away and counted. */
export const PROBE_PROTOCOL = 'mesh/probe/1';
const CHUNK_BYTES = 256 * 1024;
/** Long enough for the window to open, short enough not to be in anybody's way. */
const PROBE_MS = 200;
const MAX_PROBE_BYTES = 64 * 1024 * 1024;

/** Answers a probe: counts until the asker says `end`. */
export function answerProbe(stream: FrameStream): void {
  let bytes = 0;
  stream.onFrame(({ header, payload }) => {
    bytes += payload.length;
    if (bytes > MAX_PROBE_BYTES * 2) stream.abort(new StreamLostError('The probe is too long.'));
    if (header !== 'end') return;
    stream
      .send(bytes)
      .then(async () => stream.close())
      .catch(() => {});
  });
}

/** Sends for a fifth of a second and has the other side say what arrived. Bytes a second. */
export async function probeThroughput(mesh: Mesh, peer: PeerId, clock: Clock, signal: AbortSignal): Promise<number> {
  const stream = await mesh.open(peer, PROBE_PROTOCOL, { signal });
  const abort = (): void => stream.abort(new StreamLostError('The probe was given up.'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    stream.onFrame(({ header }) => resolve(header));
    void stream.closed.then((error) => reject(error ?? new StreamLostError('The probe was cut off.')));
    // A probe that is cut off while it sends fails there, and nobody waits for the answer.
    promise.catch(() => {});
    const chunk = new Uint8Array(CHUNK_BYTES);
    const startMs = clock.nowMs();
    for (let sent = 0; sent < MAX_PROBE_BYTES && clock.nowMs() - startMs < PROBE_MS; sent += chunk.length)
      await stream.send(0, chunk);
    await stream.send('end');
    const arrived = Number(await promise);
    const seconds = (clock.nowMs() - startMs) / 1_000;
    void stream.close();
    return Number.isFinite(arrived) && seconds > 0 ? arrived / seconds : 0;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
