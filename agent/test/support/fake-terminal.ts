import { PassThrough } from 'node:stream';
import type { Terminal } from '../../src/terminal/terminal.ts';

/** A stream that remembers what was written and lets a test wait for a text in it. */
export class Screen extends PassThrough {
  readonly isTTY: boolean;
  text = '';
  #watchers: (() => void)[] = [];

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
    this.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      for (const watch of this.#watchers.splice(0)) watch();
    });
  }

  /** Resolves with all text once it holds `wanted`, after position `from`. */
  async waitFor(wanted: string | RegExp, from = 0): Promise<string> {
    for (;;) {
      const text = this.text.slice(from);
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text;
      await new Promise<void>((resolve) => void this.#watchers.push(resolve));
    }
  }
}

export class Keyboard extends PassThrough {
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  type(text: string): void {
    this.write(text);
  }
}

export const CTRL_C = '\u0003';
export const CTRL_D = '\u0004';
export const ENTER = '\r';

export interface FakeTerminal extends Terminal {
  readonly stdin: Keyboard;
  readonly stdout: Screen;
  readonly stderr: Screen;
}

export function fakeTerminal({ isTTY }: { readonly isTTY: boolean }): FakeTerminal {
  return { stdin: new Keyboard(isTTY), stdout: new Screen(isTTY), stderr: new Screen(isTTY) };
}
