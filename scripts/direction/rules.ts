/**
 * Who may import whom. A package sees the layers below its own, never a sibling: siblings meet through interfaces in `core` and are
 * bound together in `agent` alone.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ['core'],
  ['protocol', 'gguf', 'planner', 'direct'],
  ['hardware', 'llama', 'models', 'mesh', 'ring', 'chat', 'dashboard'],
  ['gateway'],
  ['agent'],
];

/** Test support: stands beside the layers, sees all packages, is seen by tests and scripts alone. */
export const TESTING = 'testing';

/** Libraries with one door. Scripts and benches are no part of the product and go free. */
export const RESERVED: readonly { readonly library: RegExp; readonly owner: string }[] = [
  { library: /^(koffi|node-llama-cpp|@node-llama-cpp\/.+)$/, owner: 'llama' },
  { library: /^(libp2p|@libp2p\/.+|@chainsafe\/libp2p-.+)$/, owner: 'mesh' },
];

/** Height of a package in the layers; undefined for one that the table does not know. */
export function layerOf(packageName: string): number | undefined {
  const index = LAYERS.findIndex((layer) => layer.includes(packageName));
  return index === -1 ? undefined : index;
}
