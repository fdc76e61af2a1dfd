import type { HardwareFacts } from './hardware.ts';

/** A device as the engine lists it; sizes are bytes. */
export interface EngineDevice {
  /** `CUDA0`, `Vulkan0`, `CPU` */
  readonly name: string;
  /** `NVIDIA GeForce RTX 4090` */
  readonly description: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** What a card's driver, the engine's buffers and a desktop on it take. */
const CARD_BUDGET = 0.9;

/** Cards with memory of their own; what Vulkan lists may as well be a part of the machine's. */
function isCard({ name, totalBytes }: EngineDevice): boolean {
  return /^CUDA\d+$/.test(name) && totalBytes > 0;
}

/**
 * The machine as models see it that run on its graphics cards: their memory counts, all of them together, since the engine spreads
 * layers over them. Unchanged where there are none.
 */
export function withGraphicsCards(facts: HardwareFacts, devices: readonly EngineDevice[]): HardwareFacts {
  const cards = devices.filter(isCard);
  const [first] = cards;
  if (first === undefined) return facts;
  const sum = (of: (card: EngineDevice) => number): number => cards.reduce((total, card) => total + of(card), 0);
  const kinds = new Set(cards.map(({ description }) => description));
  return {
    ...facts,
    chip: kinds.size === 1 && cards.length > 1 ? `${cards.length} x ${first.description}` : [...kinds].join(', '),
    backend: 'CUDA',
    memory: {
      totalBytes: sum(({ totalBytes }) => totalBytes),
      budgetBytes: sum(({ totalBytes }) => Math.floor(totalBytes * CARD_BUDGET)),
      availableBytes: sum(({ freeBytes }) => freeBytes),
    },
  };
}
