import { runCli } from './cli.ts';

/** What is still open when the command is done (an idle connection, a thread) does not keep the process longer than this. */
const LINGER_MS = 2000;

// `pippa-agent models | head -1`: nobody reads on, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const interruptedAtOnce = 130;
process.exitCode = await runCli({
  words: process.argv.slice(2),
  environment: process.env,
  terminal: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
  signals: process,
});
if (process.exitCode === interruptedAtOnce) process.exit();
setTimeout(() => process.exit(), LINGER_MS).unref();
