import { createHash } from 'node:crypto';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';

/** Folders of this user's agent, as the platform has them. */
export interface AgentPaths {
  readonly config: string;
  /** Text operations of the user's, one TOML file each. */
  readonly operations: string;
  /** GGUF files put here are found by name. */
  readonly models: string;
  /** Layer ranges cut out of models, kept between runs; may be deleted at any time. */
  readonly shards: string;
  /** Files without names, while the agent runs: what stages sent on and have no memory for. */
  readonly spilled: string;
  /** What the headers of model files said; may be deleted at any time. */
  readonly libraryFacts: string;
  /** Models that are here in part, piece by piece. */
  readonly pieces: string;
  /** Rings that come back after a restart. */
  readonly rings: string;
  /** Hashes of the pieces of whole models; may be deleted at any time. */
  readonly pieceTables: string;
  /** What was typed into `run`. */
  readonly history: string;
  /** What makes one agent itself: its identity, its mesh's key, its socket. Never shared by two agents. */
  readonly state: string;
  /** Hashes of the API keys that were given out. */
  readonly keys: string;
  /** Answers that clients may go on from by their id. */
  readonly responses: string;
  /** Where commands reach the running agent. */
  readonly socket: string;
  /** Measurements of this machine, kept between runs; may be deleted at any time. */
  readonly measurements: string;
}

/** A socket's address has room for 104 bytes on macOS, 108 on Linux, its end included. */
const MAX_SOCKET_PATH_BYTES = 100;

/** `stateDirectory`: another than the usual one, for several agents on one machine. */
export function agentPaths(stateDirectory?: string): AgentPaths {
  const paths = envPaths('pippa-agent', { suffix: '' });
  const state = stateDirectory === undefined ? join(paths.data, 'state') : resolve(stateDirectory);
  return {
    config: join(paths.config, 'config.toml'),
    operations: join(paths.config, 'operations'),
    models: join(paths.data, 'models'),
    shards: join(paths.cache, 'shards'),
    spilled: join(paths.cache, 'spilled'),
    libraryFacts: join(paths.cache, 'library.json'),
    rings: join(state, 'rings.json'),
    pieces: join(state, 'pieces'),
    pieceTables: join(paths.cache, 'piece-tables'),
    history: join(paths.data, 'history'),
    state,
    keys: join(state, 'keys.json'),
    responses: join(state, 'responses.sqlite'),
    socket: socketPath(state),
    measurements: join(paths.cache, 'measurements.json'),
  };
}

/** In the state folder; for one with a long name, in a folder of this user's under the system's temporary one. */
function socketPath(state: string): string {
  const path = join(state, 'agent.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  const digest = createHash('sha256').update(state).digest('hex').slice(0, 16);
  return join(tmpdir(), `pippa-agent-${userInfo().uid}`, `${digest}.sock`);
}
