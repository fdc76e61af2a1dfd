import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { PINNED_LLAMA_VERSION } from '@pippa/llama';

/** What a figure belongs to. */
export interface BenchMachine {
  readonly chip: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly llama: string;
  /** Of this repository; `+` behind it: with changes. */
  readonly commit: string;
  /** Load average of the last minute when the run began: who else was there. */
  readonly load: number;
}

export function describeMachine(): BenchMachine {
  return {
    chip: cpus()[0]?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    llama: PINNED_LLAMA_VERSION,
    commit: commit(),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

export function machineLine(machine: BenchMachine): string {
  const { chip, cores, memoryGiB, system, node, llama, commit: at, load } = machine;
  return `${chip}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, llama.cpp ${llama}, commit ${at}, load ${load}`;
}

function commit(): string {
  try {
    const git = (...words: string[]): string => execFileSync('git', words, { encoding: 'utf8', cwd: import.meta.dirname }).trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
