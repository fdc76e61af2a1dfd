import { DEFAULT_SAMPLER_SETTINGS, type SamplerSettings } from '@pippa/core';

/** Settings for one generation: what the request says, else what the model recommends, else the project's defaults. */
export function samplerSettings(
  requested: Partial<SamplerSettings>,
  recommended: Partial<SamplerSettings>,
  randomSeed: () => number,
): SamplerSettings {
  const decided = { ...DEFAULT_SAMPLER_SETTINGS, ...given(recommended), ...given(requested) };
  return { ...decided, seed: decided.seed ?? randomSeed() };
}

/** Without what is only there as undefined. */
function given(settings: Partial<SamplerSettings>): Partial<SamplerSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
