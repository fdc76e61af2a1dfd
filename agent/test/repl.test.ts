import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Repl } from '../src/conversation/repl.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import { CTRL_C, CTRL_D, ENTER, fakeTerminal, type FakeTerminal } from './support/fake-terminal.ts';
import { endless, ScriptedPartner, shout } from './support/scripted-partner.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pippa-repl-'));
});
afterEach(() => rm(directory, { recursive: true }));

interface Started {
  readonly terminal: FakeTerminal;
  readonly ended: Promise<ExitCode>;
  /** Types a line and waits for a text that comes after it. */
  line(text: string, wanted: string | RegExp): Promise<string>;
}

async function start(partner: ScriptedPartner): Promise<Started> {
  const terminal = fakeTerminal({ isTTY: true });
  const repl = new Repl(partner, {
    terminal,
    paint: (_style, text) => text,
    historyPath: join(directory, 'history'),
    nowMs: () => performance.now(),
  });
  const ended = repl.run();
  await terminal.stdout.waitFor('> ');
  const line = (text: string, wanted: string | RegExp): Promise<string> => {
    const from = terminal.stdout.text.length + text.length;
    terminal.stdin.type(text + ENTER);
    return terminal.stdout.waitFor(wanted, from);
  };
  return { terminal, ended, line };
}

describe('the interactive conversation', () => {
  it('answers line by line and ends with /exit', async () => {
    const { ended, line } = await start(new ScriptedPartner(shout));
    await line('hello', /HELLO[\s\S]*> /);
    await line('and again', /AND AGAIN[\s\S]*> /);
    await line('/exit', '');
    expect(await ended).toBe(0);
  });

  it('ends with Ctrl-D', async () => {
    const { ended, terminal } = await start(new ScriptedPartner(shout));
    terminal.stdin.type(CTRL_D);
    expect(await ended).toBe(0);
  });

  it('joins lines that end with a backslash', async () => {
    const partner = new ScriptedPartner(shout);
    const { ended, line, terminal } = await start(partner);
    await line('one\\', '. ');
    await line('two', /ONE\r?\nTWO[\s\S]*> /);
    expect(partner.asked).toEqual([[{ role: 'user', content: 'one\ntwo' }]]);
    terminal.stdin.type(CTRL_D);
    await ended;
  });

  it('stops the answer on Ctrl-C and goes on', async () => {
    const partner = new ScriptedPartner((messages, signal) =>
      messages.length === 1 ? endless('once upon a time', signal) : shout(messages),
    );
    const { ended, line, terminal } = await start(partner);
    await line('tell', 'once upon a time');
    const from = terminal.stdout.text.length;
    terminal.stdin.type(CTRL_C);
    await terminal.stdout.waitFor(/Stopped[\s\S]*> /, from);
    await line('go on', /GO ON[\s\S]*> /);
    expect(partner.asked[1]?.[1]).toEqual({ role: 'assistant', content: 'once upon a time' });
    terminal.stdin.type(CTRL_D);
    expect(await ended).toBe(0);
  });

  it('leaves with 130 when Ctrl-C comes again right after it stopped an answer', async () => {
    const { ended, line, terminal } = await start(new ScriptedPartner((_messages, signal) => endless('once', signal)));
    await line('tell', 'once');
    const from = terminal.stdout.text.length;
    terminal.stdin.type(CTRL_C);
    await terminal.stdout.waitFor(/Stopped[\s\S]*> /, from);
    terminal.stdin.type(CTRL_C);
    expect(await ended).toBe(130);
  });

  it('leaves with 130 on a second Ctrl-C at the prompt, and only clears what was typed on the first', async () => {
    const partner = new ScriptedPartner(shout);
    const { ended, terminal, line } = await start(partner);
    let from = terminal.stdout.text.length;
    terminal.stdin.type(`half a question${CTRL_C}`);
    await terminal.stdout.waitFor(/question[\s\S]*> /, from);
    await line('whole', /WHOLE[\s\S]*> /);
    expect(partner.asked).toEqual([[{ role: 'user', content: 'whole' }]]);
    from = terminal.stdout.text.length;
    terminal.stdin.type(CTRL_C);
    await terminal.stdout.waitFor(/again leaves[\s\S]*> /, from);
    terminal.stdin.type(CTRL_C);
    expect(await ended).toBe(130);
  });

  it('starts afresh with /clear, and helps with a mistyped command', async () => {
    const partner = new ScriptedPartner(shout);
    const { ended, line, terminal } = await start(partner);
    await line('first', /FIRST[\s\S]*> /);
    expect(await line('/claer', /> /)).toContain('Did you mean /clear?');
    await line('/clear', /> /);
    await line('second', /SECOND[\s\S]*> /);
    expect(partner.asked).toHaveLength(2);
    expect(partner.asked[1]).toEqual([{ role: 'user', content: 'second' }]);
    terminal.stdin.type(CTRL_D);
    await ended;
  });

  it('tells what the last answer took', async () => {
    const { ended, line, terminal } = await start(new ScriptedPartner(shout));
    await line('hello', /HELLO[\s\S]*> /);
    expect(stripVTControlCharacters(await line('/stats', /> /))).toMatch(/1 tokens read, 1 written in \d/);
    terminal.stdin.type(CTRL_D);
    await ended;
  });

  it('says what went wrong and stays', async () => {
    const partner = new ScriptedPartner(async function* () {
      yield* [];
      throw new Error('the stage is gone');
    });
    const { ended, line, terminal } = await start(partner);
    await line('hello', /> /);
    expect(terminal.stderr.text).toContain('the stage is gone');
    terminal.stdin.type(CTRL_D);
    expect(await ended).toBe(0);
  });

  it('takes pasted lines one after the other', async () => {
    const partner = new ScriptedPartner(shout);
    const { ended, terminal } = await start(partner);
    terminal.stdin.type(`one${ENTER}two${ENTER}`);
    await terminal.stdout.waitFor(/ONE[\s\S]*TWO[\s\S]*> /);
    terminal.stdin.type(CTRL_D);
    await ended;
    expect(partner.asked.map((messages) => messages.at(-1)?.content)).toEqual(['one', 'two']);
  });

  it('remembers what was typed for the next time', async () => {
    const first = await start(new ScriptedPartner(shout));
    await first.line('remember me', /REMEMBER ME[\s\S]*> /);
    first.terminal.stdin.type(CTRL_D);
    await first.ended;
    expect(await readFile(join(directory, 'history'), 'utf8')).toContain('remember me');

    const second = await start(new ScriptedPartner(shout));
    const up = '\u001B[A';
    second.terminal.stdin.type(up + ENTER);
    await second.terminal.stdout.waitFor('REMEMBER ME');
    second.terminal.stdin.type(CTRL_D);
    await second.ended;
  });
});
