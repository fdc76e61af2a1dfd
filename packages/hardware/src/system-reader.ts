import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, hostname, networkInterfaces, totalmem } from 'node:os';
import type { MachineReader } from './machine-reader.ts';

/** Of the tools used here system_profiler is the slowest: 0.2 to 2 s. */
const COMMAND_TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Files of /proc and /sys have no size of their own; /proc/cpuinfo of a large server has 1 MB. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** The machine this runs on. */
export const systemReader: MachineReader = {
  facts: () => ({
    platform: process.platform,
    architecture: process.arch,
    hostName: hostname(),
    processors: cpus().map(({ model, times: { user, nice, sys, irq, idle } }) => ({
      model: model.trim(),
      busyMs: user + nice + sys + irq,
      idleMs: idle,
    })),
    totalBytes: totalmem(),
    freeBytes: freemem(),
    parallelism: availableParallelism(),
    interfaces: networkInterfaces(),
  }),
  run(command, words) {
    return new Promise((resolve) => {
      const options = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, LC_ALL: 'C' } };
      execFile(command, words, options, (error, stdout) => {
        // A number is an exit code: `sysctl` complains of one unknown key and tells the others.
        resolve(error === null || typeof error.code === 'number' ? stdout : undefined);
      });
    });
  },
  async readFile(path) {
    try {
      const file = await open(path);
      try {
        const buffer = Buffer.allocUnsafe(65_536);
        const chunks: Buffer[] = [];
        for (let length = 0; length < MAX_FILE_BYTES;) {
          const { bytesRead } = await file.read(buffer);
          if (bytesRead === 0) break;
          chunks.push(Buffer.from(buffer.subarray(0, bytesRead)));
          length += bytesRead;
        }
        return Buffer.concat(chunks).toString();
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  },
  async list(path) {
    try {
      return await readdir(path);
    } catch {
      return [];
    }
  },
};
