/** How a streamed answer is framed. */
export interface StreamFormat {
  readonly contentType: string;
  /** Sent into a long silence, so that proxies and clients keep waiting; empty where the format has nothing that says nothing. */
  readonly keepAlive: string;
  /** Words for people that clients skip; empty where the format has none. */
  comment(text: string): string;
}

/** Server-sent events, kept alive by a comment. */
export const EVENT_STREAM: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  keepAlive: ': keep-alive\n\n',
  comment,
};

function comment(text: string): string {
  return `: ${text.replaceAll(/[\r\n]+/g, ' ')}\n\n`;
}

/** One JSON value a line. */
export const JSON_LINES: StreamFormat = { contentType: 'application/x-ndjson', keepAlive: '', comment: () => '' };

/** The text itself. */
export const PLAIN_TEXT: StreamFormat = { contentType: 'text/plain; charset=utf-8', keepAlive: '', comment: () => '' };
