import { appendFileSync } from 'node:fs';
import type { Logger } from '@pippa/core';

/** Lines of JSON in a file: what a node of a test did, to be read when something went wrong. */
export function fileLogger(path: string, bindings: object = {}): Logger {
  const write = (level: string, fields: object, message: string): void => {
    const { err } = fields as { readonly err?: unknown };
    const error = err === undefined ? {} : { err: err instanceof Error ? `${err.name}: ${err.message}` : 'unknown' };
    try {
      appendFileSync(path, `${JSON.stringify({ atMs: Date.now(), level, message, ...bindings, ...fields, ...error })}\n`);
    } catch {
      // The disk may be full: that is what some tests are for.
    }
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    child: (more) => fileLogger(path, { ...bindings, ...more }),
  };
}
