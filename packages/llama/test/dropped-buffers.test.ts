import { expect, test } from 'vitest';
import { DroppedBuffers } from '../src/dropped-buffers.ts';

const MIB = 1024 * 1024;

test('buffers outside of the heap are collected some MiB later, though nothing else is allocated', () => {
  const dropped = new DroppedBuffers();
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let step = 0; step < 100; step += 1) {
    dropped.add(new Float32Array(MIB / 4).byteLength);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(16 * MIB);
});

test('small buffers cost no collection', () => {
  let collections = 0;
  const dropped = new DroppedBuffers(() => (collections += 1));
  for (let step = 0; step < 10_000; step += 1) dropped.add(8192);
  expect(collections).toBe(0);
  for (let step = 0; step < 8; step += 1) dropped.add(MIB);
  expect(collections).toBe(2);
});
