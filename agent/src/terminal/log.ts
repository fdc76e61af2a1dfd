import { Writable } from 'node:stream';
import pino, { type Logger as PinoLogger } from 'pino';
import type { LOG_LEVELS } from '../settings/schema.ts';
import { painter, type Terminal } from './terminal.ts';

const LEVELS: Readonly<Record<number, { readonly name: string; readonly style: 'gray' | 'cyan' | 'yellow' | 'red' }>> = {
  20: { name: 'debug', style: 'gray' },
  30: { name: 'info', style: 'cyan' },
  40: { name: 'warn', style: 'yellow' },
  50: { name: 'error', style: 'red' },
};

/** Logs to stderr: one JSON object a line, or one readable line each when a person is looking. */
export function createLogger(level: (typeof LOG_LEVELS)[number], terminal: Terminal, environment: NodeJS.ProcessEnv): PinoLogger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, terminal.stderr.isTTY === true ? readable(terminal, environment) : terminal.stderr);
}

function readable(terminal: Terminal, environment: NodeJS.ProcessEnv): Writable {
  const paint = painter(terminal.stderr, environment);
  return new Writable({
    decodeStrings: false,
    write(line, _encoding, done) {
      const { time, level, msg, scope, ...rest } = JSON.parse(String(line)) as Record<string, unknown>;
      const about = LEVELS[Number(level)] ?? { name: 'fatal', style: 'red' as const };
      const fields = Object.entries(rest).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      const words = [
        paint('gray', String(time).slice(11, 23)),
        paint(about.style, about.name.padEnd(5)),
        ...(typeof scope === 'string' ? [paint('gray', scope)] : []),
        String(msg),
        ...(fields.length > 0 ? [paint('gray', fields.join(' '))] : []),
      ];
      terminal.stderr.write(`${words.join(' ')}\n`, done);
    },
  });
}
