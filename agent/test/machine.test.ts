import { describe, expect, it } from 'vitest';
import { readMachine } from '../src/machine.ts';
import { firstCard } from '../src/mesh/first-card.ts';

describe('the machine', () => {
  it('counts the memory of its graphics cards where it has some', async () => {
    const cards = [{ name: 'CUDA0', description: 'NVIDIA GeForce RTX 4090', totalBytes: 24e9, freeBytes: 23e9 }];
    const machine = await readMachine(async () => cards);
    expect(machine).toMatchObject({ chip: 'NVIDIA GeForce RTX 4090', backend: 'CUDA', totalBytes: 24e9, freeBytes: 23e9 });
    expect(firstCard({ name: 'pc', agentVersion: '1', machine })).toMatchObject({
      backend: 'CUDA',
      memory: { totalBytes: 24e9, budgetBytes: 24e9 * 0.9 },
    });
  });

  it('is itself where it has none', async () => {
    const { backend, totalBytes } = await readMachine(async () => []);
    expect(backend).toBeUndefined();
    expect(totalBytes).toBeGreaterThan(0);
  });
});
