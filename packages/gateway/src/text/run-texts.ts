import type { ChainContext, ChainLink, TextSink } from './run-chain.ts';
import { runChain } from './run-chain.ts';

/**
 * Passes every text through the chain, a bounded number at once; `sinkOf` says where each result goes. After the first failure nothing
 * new is begun, and all of it has ended when this settles.
 */
export async function runTexts(
  inputs: readonly string[],
  chain: readonly ChainLink[],
  context: ChainContext,
  sinkOf: (index: number) => TextSink,
): Promise<void> {
  const waiting = inputs.entries();
  let failure: { readonly reason: unknown } | undefined;
  const lane = async (): Promise<void> => {
    // All lanes take from one iterator.
    for (const [index, input] of waiting) {
      if (failure !== undefined) return;
      try {
        await runChain(input, chain, context, sinkOf(index));
      } catch (error) {
        failure ??= { reason: error };
      }
    }
  };
  const lanes = Math.min(context.parts.limits.parallelGenerations, inputs.length);
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failure !== undefined) throw failure.reason;
}
