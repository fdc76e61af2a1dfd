import { connect, type Socket } from 'node:net';

export interface StreamResult {
  /** Server-sent events with a word in them. */
  readonly tokens: number;
  /** Milliseconds between the arrivals of two, in order. */
  readonly gaps: readonly number[];
  readonly complete: boolean;
}

const WORD = Buffer.from('"content":" word"');
const DONE = Buffer.from('data: [DONE]');

/** One streamed chat over a bare socket, which takes as little as possible. `leaveAfter`: breaks off when so many words have come. */
export function stream(
  port: number,
  { tokens, gapMs, leaveAfter = Infinity }: { readonly tokens: number; readonly gapMs: number; readonly leaveAfter?: number },
): Promise<StreamResult> {
  const body = JSON.stringify({
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
    max_tokens: tokens,
    seed: gapMs,
  });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    const gaps: number[] = [];
    let seen = 0;
    let lastMs: number | undefined;
    let complete = false;
    socket.on('data', (chunk: Buffer) => {
      const nowMs = performance.now();
      let words = 0;
      for (let at = chunk.indexOf(WORD); at !== -1; at = chunk.indexOf(WORD, at + WORD.length)) words += 1;
      if (words > 0) {
        if (lastMs !== undefined) gaps.push(nowMs - lastMs);
        lastMs = nowMs;
      }
      seen += words;
      complete ||= chunk.includes(DONE);
      if (seen >= leaveAfter) socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve({ tokens: seen, gaps, complete }));
    socket.write(head + body);
  });
}
