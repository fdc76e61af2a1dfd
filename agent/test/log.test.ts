import { PippaError } from '@pippa/core';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../src/terminal/log.ts';
import { fakeTerminal, type FakeTerminal } from './support/fake-terminal.ts';

class FullError extends PippaError {
  readonly code = 'full';
}

const refused = new FullError('Layers 9 to 15 take 70.5 MB, and 23.5 MB are left.', { hint: 'Take another model down.' });
const ring = 'd4a03ead-ba2b-49a7-be07-1d63436399f9';

function logged(isTTY: boolean, level: 'warn' | 'debug', log: (logger: ReturnType<typeof createLogger>) => void): FakeTerminal {
  const terminal = fakeTerminal({ isTTY });
  log(createLogger(level, terminal, { NO_COLOR: '1' }));
  return terminal;
}

/** What is left on the screen of what was written. */
const shown = ({ stderr }: FakeTerminal): string => stderr.text.replaceAll('\r\u001B[K', '');

describe('the log on a terminal', () => {
  it('says in one line how bad it is, what happened, why, and what to do', () => {
    const terminal = logged(true, 'warn', (logger) =>
      logger.child({ scope: 'stage-host' }).warn({ ring, model: 'medium', err: refused }, 'stage refused'),
    );
    expect(shown(terminal)).toMatch(
      /^\d\d:\d\d:\d\d warn {2}stage refused: Layers 9 to 15 take 70\.5 MB, and 23\.5 MB are left\. Take another model down\. model=medium\n$/,
    );
  });

  it('takes texts, errors and hints as they come', () => {
    const terminal = logged(true, 'warn', (logger) => {
      logger.warn({ error: 'no answer' }, 'the mesh did not start');
      logger.error({ error: new TypeError('x is not a function') }, 'request failed');
      logger.warn({ code: 'port_taken', hint: 'Choose another --mesh-port.' }, 'Port 11501 cannot be listened on.');
    });
    expect(shown(terminal).split('\n')).toEqual([
      expect.stringMatching(/warn {2}the mesh did not start: no answer$/),
      expect.stringMatching(/error request failed: x is not a function$/),
      expect.stringMatching(/warn {2}Port 11501 cannot be listened on\. Choose another --mesh-port\. code=port_taken$/),
      '',
    ]);
  });

  it('lets nothing that a peer wrote move the cursor or begin a line', () => {
    const terminal = logged(true, 'warn', (logger) => logger.warn({ name: 'a\u001B[2Jb\nc' }, 'a peer\r\nis dropped'));
    expect(shown(terminal)).toMatch(/warn {2}a peeris dropped name=a\[2Jbc\n$/);
  });

  it('writes over a line of progress', () => {
    const terminal = logged(true, 'warn', (logger) => logger.warn({}, 'something'));
    expect(terminal.stderr.text).toMatch(/^\r\u001B\[K\d\d/);
  });

  it('has the stack and all fields at debug level', () => {
    const terminal = logged(true, 'debug', (logger) =>
      logger.child({ scope: 'stage-host' }).warn({ ring, err: refused }, 'stage refused'),
    );
    expect(shown(terminal)).toMatch(/warn {2}stage-host stage refused: .* ring=d4a03ead-/);
    expect(shown(terminal)).toMatch(/\n {4}at .*log\.test/);
  });
});

describe('the log anywhere else', () => {
  it('is one JSON object a line, with the error whole', () => {
    const terminal = logged(false, 'warn', (logger) => {
      logger.warn({ ring, err: refused }, 'stage refused');
      logger.error({ error: new TypeError('x is not a function') }, 'request failed');
      logger.warn({ error: 'no answer' }, 'the mesh did not start');
    });
    const lines = terminal.stderr.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { level: 40, ring, err: { message: refused.message, hint: refused.hint, stack: expect.stringContaining('log.test') } },
      { level: 50, error: { message: 'x is not a function', stack: expect.any(String) } },
      { level: 40, error: 'no answer' },
    ]);
  });
});
