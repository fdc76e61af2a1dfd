import { embeddedModelDirectory } from '../package-root.ts';
import type { AgentPaths } from '../paths.ts';

/** Where models are looked for, in this order: what came with the package, the folders asked for, the agent's own folder. */
export function modelDirectories(paths: AgentPaths, asked: readonly string[]): readonly string[] {
  return [embeddedModelDirectory, ...asked, paths.models];
}
