/** What the process says to the shell; documented in the README. */
export const EXIT = {
  ok: 0,
  /** Something could not be done: the error on stderr says what, and what to do. */
  failure: 1,
  /** A command, flag, environment variable or configuration file that makes no sense. */
  usage: 2,
  /** Ctrl-C: an answer was cut off, or the agent was told twice to stop. 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
