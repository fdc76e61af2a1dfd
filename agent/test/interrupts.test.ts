import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Interrupts } from '../src/interrupts.ts';

function listen() {
  const source = new EventEmitter();
  let nowMs = 1000;
  const interrupts = new Interrupts(source, () => nowMs);
  const send = (signal: string, afterMs: number): { asked: boolean; insisted: boolean } => {
    nowMs += afterMs;
    source.emit(signal, signal);
    return { asked: interrupts.asked.aborted, insisted: interrupts.insisted.aborted };
  };
  return { source, interrupts, send };
}

describe('signals to stop', () => {
  it('ask first, insist then', () => {
    const { interrupts, send } = listen();
    expect(send('SIGINT', 0)).toEqual({ asked: true, insisted: false });
    expect(send('SIGINT', 300)).toEqual({ asked: true, insisted: true });
    expect(interrupts.asked.reason).toMatchObject({ name: 'InterruptedError' });
  });

  it('count once when npm passes on what the terminal has sent already', () => {
    const { send } = listen();
    send('SIGINT', 0);
    expect(send('SIGINT', 5)).toEqual({ asked: true, insisted: false });
    expect(send('SIGINT', 500)).toEqual({ asked: true, insisted: true });
  });

  it('insist at once with another signal', () => {
    const { send } = listen();
    send('SIGINT', 0);
    expect(send('SIGTERM', 0)).toEqual({ asked: true, insisted: true });
  });

  it('get their own meaning back', () => {
    const { source, interrupts } = listen();
    interrupts[Symbol.dispose]();
    expect(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM')).toBe(0);
  });
});
