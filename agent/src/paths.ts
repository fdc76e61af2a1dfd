import { join } from 'node:path';
import envPaths from 'env-paths';

/** Folders of this user's agent, as the platform has them. */
export interface AgentPaths {
  readonly config: string;
  /** GGUF files put here are found by name. */
  readonly models: string;
  /** Layer ranges cut out of models, kept between runs; may be deleted at any time. */
  readonly shards: string;
  /** What was typed into `run`. */
  readonly history: string;
}

export function agentPaths(): AgentPaths {
  const paths = envPaths('pippa-agent', { suffix: '' });
  return {
    config: join(paths.config, 'config.toml'),
    models: join(paths.data, 'models'),
    shards: join(paths.cache, 'shards'),
    history: join(paths.data, 'history'),
  };
}
