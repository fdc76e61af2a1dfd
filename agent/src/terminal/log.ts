import pino, { type Logger as PinoLogger } from 'pino';
import type { LOG_LEVELS } from '../settings/schema.ts';
import { readableLine } from './readable-line.ts';
import { painter, type Terminal } from './terminal.ts';

/** Begins a line on a terminal, whatever progress was drawn on this one. */
const CLEAR_LINE = '\r\u001B[K';

/** Logs to stderr: one JSON object a line, or one readable line each when a person is looking. */
export function createLogger(level: (typeof LOG_LEVELS)[number], terminal: Terminal, environment: NodeJS.ProcessEnv): PinoLogger {
  const serializers = { err: pino.stdSerializers.err, error: pino.stdSerializers.err };
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers };
  if (terminal.stderr.isTTY !== true) return pino(options, terminal.stderr);
  const paint = painter(terminal.stderr, environment);
  const isDebugging = level === 'debug';
  const readable = {
    write(line: string): void {
      const entry = JSON.parse(line) as Record<string, unknown>;
      terminal.stderr.write(`${CLEAR_LINE}${readableLine(entry, { paint, isDebugging })}\n`);
    },
  };
  return pino(options, readable);
}
