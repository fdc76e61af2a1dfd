import { describe, expect, it } from 'vitest';
import { withGraphicsCards, type EngineDevice } from '../src/index.ts';

const GIB = 1024 ** 3;
const PC = {
  name: 'pc',
  platform: 'linux-x64',
  chip: 'AMD Ryzen 9 7950X 16-Core Processor',
  memory: { totalBytes: 64 * GIB, budgetBytes: 57 * GIB, availableBytes: 50 * GIB },
  performanceCores: 16,
};

/** As `ggml_backend_dev_*` have them. */
const CPU: EngineDevice = { name: 'CPU', description: 'AMD Ryzen 9 7950X', totalBytes: 64 * GIB, freeBytes: 50 * GIB };
function card(index: number, description: string, gib: number): EngineDevice {
  return { name: `CUDA${index}`, description, totalBytes: gib * GIB, freeBytes: (gib - 1) * GIB };
}

describe('a machine with graphics cards', () => {
  it('has their memory for models, not its own', () => {
    expect(withGraphicsCards(PC, [card(0, 'NVIDIA GeForce RTX 4090', 24), CPU])).toEqual({
      ...PC,
      chip: 'NVIDIA GeForce RTX 4090',
      backend: 'CUDA',
      memory: { totalBytes: 24 * GIB, budgetBytes: Math.floor(24 * GIB * 0.9), availableBytes: 23 * GIB },
    });
  });

  it('has that of all of them together', () => {
    const two = withGraphicsCards(PC, [card(0, 'NVIDIA RTX A6000', 48), card(1, 'NVIDIA RTX A6000', 48), CPU]);
    expect([two.chip, two.memory.totalBytes]).toEqual(['2 x NVIDIA RTX A6000', 96 * GIB]);
    const mixed = withGraphicsCards(PC, [card(0, 'NVIDIA RTX A6000', 48), card(1, 'NVIDIA GeForce RTX 3060', 12)]);
    expect([mixed.chip, mixed.memory.totalBytes]).toEqual(['NVIDIA RTX A6000, NVIDIA GeForce RTX 3060', 60 * GIB]);
  });

  it('is what it was where there are none, or where they use its own memory', () => {
    expect(withGraphicsCards(PC, [CPU])).toBe(PC);
    expect(withGraphicsCards(PC, [{ ...CPU, name: 'Vulkan0', description: 'AMD Radeon Graphics' }, CPU])).toBe(PC);
  });
});
