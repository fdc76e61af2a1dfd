import { errorMessage, formatBytes, PippaError, type PippaErrorOptions } from '@pippa/core';

/** A command, flag, environment variable or configuration entry that makes no sense. The process exits with 2. */
export class UsageError extends PippaError {
  readonly code = 'usage';
}

/** The model is to be had, but nobody in the house has it, and nobody said that it may be got. */
export class ModelOnHubError extends PippaError {
  readonly code = 'model_not_found';
}

/** The model does not fit this machine with the settings asked for. */
export class ModelTooLargeError extends PippaError {
  readonly code = 'model_too_large';
  readonly neededBytes: number;
  readonly availableBytes: number;

  constructor(name: string, neededBytes: number, availableBytes: number, hint: string) {
    super(
      `${name} needs ${formatBytes(neededBytes)} of memory (weights, context and working space), but this machine has ${formatBytes(availableBytes)} for models.`,
      { hint },
    );
    this.neededBytes = neededBytes;
    this.availableBytes = availableBytes;
  }
}

/** The agent at the configured address answered with an error, or not at all. */
export class RemoteAgentError extends PippaError {
  /** The agent's own code where it gave one, such as `context_length_exceeded`. */
  readonly code: string;

  constructor(message: string, options: PippaErrorOptions & { readonly code?: string | undefined } = {}) {
    super(message, options);
    this.code = options.code ?? 'remote_agent';
  }
}

/** Ctrl-C or SIGTERM while something was under way. The process exits with 130. */
export class InterruptedError extends PippaError {
  readonly code = 'interrupted';
}

/** The file is there, but no model can be made of it; `cause` says why. */
export class UnusableModelError extends PippaError {
  readonly code = 'unusable_model';

  constructor(path: string, cause: unknown) {
    const hint = cause instanceof PippaError ? cause.hint : undefined;
    super(`The model ${path} cannot be used: ${errorMessage(cause)}`, hint === undefined ? { cause } : { cause, hint });
  }
}

/** The model cannot be cut into as many stages as asked for. */
export class TooManyStagesError extends PippaError {
  readonly code = 'too_many_stages';
}

/** The model is up, but not as it was asked for. */
export class AlreadyUpError extends PippaError {
  readonly code = 'already_up';
}

/** A command needs the running agent, and there is none with this state folder. */
export class AgentNotRunningError extends PippaError {
  readonly code = 'agent_not_running';

  constructor(socketPath: string, cause?: unknown) {
    super(`No agent is running here (nothing listens at ${socketPath}).`, {
      hint: 'Start it with: npx pippa-agent. If it runs with a --state-dir of its own, give this command the same one.',
      cause,
    });
  }
}

/** Something listens at the agent's socket and does not answer: a stopped process, or one that is stuck. */
export class AgentUnresponsiveError extends PippaError {
  readonly code = 'agent_unresponsive';
  override readonly retryable = true;

  constructor(socketPath: string) {
    super(`The agent at ${socketPath} does not answer.`, {
      hint: 'It may be suspended (fg brings it back), or stuck: restart it.',
    });
  }
}

/** Two agents would share one identity. */
export class AgentAlreadyRunningError extends PippaError {
  readonly code = 'agent_already_running';

  constructor(socketPath: string) {
    super(`An agent runs here already (it listens at ${socketPath}).`, {
      hint: '`pippa-agent status` shows it. A second one on this machine needs a folder and a port of its own: --state-dir <folder> --port 0',
    });
  }
}

/** A command asked for what the running agent does not know: it is of another version. */
export class UnknownOperationError extends PippaError {
  readonly code = 'unknown_operation';

  constructor(name: string, version: string) {
    super(`The running agent, version ${version}, knows no "${name}".`, {
      hint: 'Restart the agent, so that it and this command are of one version.',
    });
  }
}

/** The file of API keys is damaged or cannot be read or written. */
export class KeyFileError extends PippaError {
  readonly code = 'key_file';

  constructor(path: string, why: string, cause?: unknown) {
    super(`The file of API keys, ${path}, cannot be used: ${why}.`, {
      cause,
      hint: 'Repair the file, or delete it and give out new keys.',
    });
  }
}

/** The agent's state would lie where other users of this machine could change it. */
export class UnsafeFolderError extends PippaError {
  readonly code = 'unsafe_folder';

  constructor(path: string, what: string) {
    super(`The folder ${path} ${what}.`, {
      hint: `Make it yours alone (chmod 700 ${path}), or name another folder with --state-dir.`,
    });
  }
}

/** The agent's state cannot be kept where it would lie. */
export class UnwritableFolderError extends PippaError {
  readonly code = 'unwritable_folder';

  constructor(path: string, why: string, cause?: unknown) {
    super(`The agent cannot keep its state in ${path}: ${why}.`, {
      hint: 'Put that right, or name another folder with --state-dir.',
      cause,
    });
  }
}

/** Layers of a model cannot be kept as a file. */
export class ShardFileError extends PippaError {
  readonly code = 'shard_file';

  constructor(directory: string, bytes: number, why: string, cause?: unknown) {
    super(`Layers of a model, ${formatBytes(bytes)}, cannot be kept in ${directory}: ${why}.`, {
      hint: 'Free some space there, or name another cache folder (XDG_CACHE_HOME on Linux).',
      cause,
    });
  }
}

/** A command is about the mesh, and the running agent is not in one. */
export class MeshOffError extends PippaError {
  readonly code = 'mesh_off';

  constructor(reason: string) {
    super(`The agent runs without a mesh: ${reason}`, {
      hint: 'Start it without --mesh off; `pippa-agent doctor` looks for what is in the way.',
    });
  }
}

/** No peer, or no waiting node, has this name or id. */
export class NoSuchNodeError extends PippaError {
  readonly code = 'no_such_node';
}

/** Several nodes have this name. */
export class AmbiguousNodeError extends PippaError {
  readonly code = 'ambiguous_node';
}

/** The port for other agents is in use, and was asked for. */
export class MeshPortTakenError extends PippaError {
  readonly code = 'mesh_port_taken';
}
