import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { Interrupts } from '../src/interrupts.ts';

it('the first signal asks to stop, the second insists, and the process gets its signals back', () => {
  const source = new EventEmitter();
  const interrupts = new Interrupts(source);
  expect(interrupts.asked.aborted).toBe(false);
  source.emit('SIGTERM');
  expect([interrupts.asked.aborted, interrupts.insisted.aborted]).toEqual([true, false]);
  source.emit('SIGINT');
  expect(interrupts.insisted.aborted).toBe(true);
  expect(interrupts.asked.reason).toMatchObject({ name: 'InterruptedError' });
  interrupts[Symbol.dispose]();
  expect(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM')).toBe(0);
});
