/** A chip, or one of its variants, told apart by the cores of its GPU. */
interface AppleChip {
  readonly name: string;
  /** Variants with another bandwidth: this one has at most so many GPU cores. */
  readonly gpuCoresAtMost?: number;
  /** Gigabytes (10^9) a second of unified memory. */
  readonly bandwidth: number;
  /** GPU cores of the largest such chip, for when the machine does not tell. */
  readonly gpuCores: number;
}

/**
 * Published bandwidth of unified memory. Source unless noted: Apple's press releases and technical specifications of the Macs that
 * introduced the chip (support.apple.com/specs). Where variants differ, the smaller one comes first.
 */
const APPLE_CHIPS: readonly AppleChip[] = [
  // November 2020; Apple gives no figure: 128 bits of LPDDR4X-4266.
  { name: 'M1', bandwidth: 68, gpuCores: 8 },
  // MacBook Pro 2021
  { name: 'M1 Pro', bandwidth: 200, gpuCores: 16 },
  { name: 'M1 Max', bandwidth: 400, gpuCores: 32 },
  // Mac Studio 2022
  { name: 'M1 Ultra', bandwidth: 800, gpuCores: 64 },
  // MacBook Air 2022
  { name: 'M2', bandwidth: 100, gpuCores: 10 },
  // MacBook Pro 2023
  { name: 'M2 Pro', bandwidth: 200, gpuCores: 19 },
  { name: 'M2 Max', bandwidth: 400, gpuCores: 38 },
  // Mac Studio 2023
  { name: 'M2 Ultra', bandwidth: 800, gpuCores: 76 },
  // MacBook Pro, November 2023
  { name: 'M3', bandwidth: 100, gpuCores: 10 },
  { name: 'M3 Pro', bandwidth: 150, gpuCores: 18 },
  { name: 'M3 Max', gpuCoresAtMost: 30, bandwidth: 300, gpuCores: 30 },
  { name: 'M3 Max', bandwidth: 400, gpuCores: 40 },
  // Mac Studio 2025
  { name: 'M3 Ultra', bandwidth: 819, gpuCores: 80 },
  // iPad Pro and MacBook Pro 2024
  { name: 'M4', bandwidth: 120, gpuCores: 10 },
  { name: 'M4 Pro', bandwidth: 273, gpuCores: 20 },
  { name: 'M4 Max', gpuCoresAtMost: 32, bandwidth: 410, gpuCores: 32 },
  { name: 'M4 Max', bandwidth: 546, gpuCores: 40 },
  // MacBook Pro, October 2025
  { name: 'M5', bandwidth: 153, gpuCores: 10 },
  // MacBook Pro, March 2026
  { name: 'M5 Pro', bandwidth: 307, gpuCores: 20 },
  { name: 'M5 Max', gpuCoresAtMost: 32, bandwidth: 460, gpuCores: 32 },
  { name: 'M5 Max', bandwidth: 614, gpuCores: 40 },
];

/** What a chip of an unknown generation is taken for at least: the latest known one of its tier. */
const TIERS = ['', ' Pro', ' Max', ' Ultra'] as const;
type Tier = (typeof TIERS)[number];
/** Two joined chips have twice the bandwidth of one: so it was with every Ultra. */
const ULTRA = { from: ' Max', times: 2 } as const;

/**
 * Floating-point operations a second that a GPU core reaches in llama.cpp's prompt processing, 2 a weight and token. Sources: a 7B
 * model in F16 in llama.cpp's table of Apple silicon (github.com/ggml-org/llama.cpp/discussions/4167): M1 Max with 32 cores 599 t/s,
 * M2 Max with 38 755, M3 Max with 40 779, M4 Max with 40 922, each times 13.5 GFLOP; M5 with 10 cores 608 t/s times 14.5 GFLOP, its
 * neural accelerators in use (github.com/ggml-org/llama.cpp/pull/16634).
 */
const COMPUTE_A_CORE: readonly number[] = [0, 0.253e12, 0.268e12, 0.263e12, 0.311e12, 0.88e12];

export interface ChipFacts {
  /** Bytes a second. */
  readonly memoryBandwidth: number;
  /** `published`: by Apple. `estimated`: from chips like it. */
  readonly bandwidthSource: 'published' | 'estimated';
  readonly gpuCores: number;
  /** Floating-point operations a second in matrix products. */
  readonly computeRate: number;
  /** Whether the figures depend on the number of GPU cores, which was not given. */
  readonly ambiguous: boolean;
}

/** Facts of `Apple M3 Ultra` and the like; undefined for other makers' chips, Intel Macs' included. */
export function appleChipFacts(chip: string, gpuCores?: number): ChipFacts | undefined {
  const found = /^Apple M(\d{1,2})( Pro| Max| Ultra)?\b/.exec(chip);
  if (found === null) return undefined;
  const generation = Number(found[1]);
  const tier = (found[2] ?? '') as Tier;
  const known = variantOf(`M${generation}${tier}`, gpuCores);
  const { bandwidth, gpuCores: cores } = known ?? guess(generation, tier);
  const actualCores = gpuCores ?? cores;
  const latest = COMPUTE_A_CORE.at(-1) ?? 0;
  return {
    memoryBandwidth: bandwidth * 1e9,
    bandwidthSource: known === undefined ? 'estimated' : 'published',
    gpuCores: actualCores,
    computeRate: actualCores * (COMPUTE_A_CORE[generation] ?? latest),
    ambiguous: gpuCores === undefined,
  };
}

/** Without the cores, the slower variant: a promise that is kept. */
function variantOf(name: string, gpuCores: number | undefined): AppleChip | undefined {
  const variants = APPLE_CHIPS.filter((chip) => chip.name === name);
  return gpuCores === undefined ? variants[0] : variants.find(({ gpuCoresAtMost }) => gpuCores <= (gpuCoresAtMost ?? Infinity));
}

/** An unknown one is no slower than the latest known one of its tier before it, and an Ultra is two of its generation's Max. */
function guess(generation: number, tier: Tier): { readonly bandwidth: number; readonly gpuCores: number } {
  for (let earlier = generation; earlier > 0; earlier -= 1) {
    const known = variantOf(`M${earlier}${tier}`, undefined);
    if (known !== undefined) return known;
    if (tier === ' Ultra') {
      const half = APPLE_CHIPS.findLast(({ name }) => name === `M${earlier}${ULTRA.from}`);
      if (half !== undefined) return { bandwidth: half.bandwidth * ULTRA.times, gpuCores: half.gpuCores * ULTRA.times };
    }
  }
  return { bandwidth: 68, gpuCores: 8 };
}
