import { GIB, MIB } from '@pippa/core';
import { readMemoryLimit } from './linux/cgroup.ts';
import { readPerformanceCores } from './linux/cores.ts';
import { parseMeminfo } from './linux/meminfo.ts';
import type { MachineReader, OperatingSystemFacts } from './machine-reader.ts';
import { readSysctl, sysctlNumber } from './mac/sysctl.ts';
import { parseAvailableBytes } from './mac/vm-stat.ts';
import { systemReader } from './system-reader.ts';

/** What does not change while the machine runs. Sizes are bytes. */
export interface HardwareFacts {
  /** What people call the machine: `Anna's Mac Studio`, or its host name. */
  readonly name: string;
  /** `darwin-arm64`, `linux-x64`, ... */
  readonly platform: string;
  /** `Apple M3 Ultra`, `AMD EPYC 7763 64-Core Processor`, ... */
  readonly chip: string;
  /** What models run on where that is not the processor: `CUDA`. */
  readonly backend?: string;
  readonly memory: {
    /** What there is, or what a container's limit leaves of it. */
    readonly totalBytes: number;
    /** What models may take: the rest is the system's and other programs'. */
    readonly budgetBytes: number;
    /** What programs could get at the time of reading. */
    readonly availableBytes: number;
  };
  /** Physical cores of full speed that this process may use. */
  readonly performanceCores: number;
}

/** Elsewhere than on a Mac a tenth is left to the system. */
const LINUX_BUDGET = 0.9;
/**
 * Share of unified memory that Metal lets a GPU use unless told otherwise (MTLDevice.recommendedMaxWorkingSetSize as llama.cpp logs
 * it): 5.3 of 8 GB, 10.7 of 16, 21.3 of 32, 27 of 36, 48 of 64, 96 of 128.
 */
const METAL_BUDGET = { below36: 2 / 3, above: 3 / 4 };

const MAC_KEYS = [
  'machdep.cpu.brand_string',
  'hw.memsize',
  'hw.physicalcpu',
  'hw.nperflevels',
  'hw.perflevel0.name',
  'hw.perflevel0.physicalcpu',
  'hw.perflevel1.name',
  'hw.perflevel1.physicalcpu',
  'iogpu.wired_limit_mb',
];

/** Reads the machine in a few milliseconds: files on Linux, three short commands on a Mac. Never rejects: what is hidden is guessed. */
export async function readHardware(reader: MachineReader = systemReader): Promise<HardwareFacts> {
  const facts = reader.facts();
  return facts.platform === 'darwin' ? readMac(reader, facts) : readLinux(reader, facts);
}

async function readMac(reader: MachineReader, facts: OperatingSystemFacts): Promise<HardwareFacts> {
  const [values, vmStat, computerName] = await Promise.all([
    readSysctl(reader, MAC_KEYS),
    reader.run('/usr/bin/vm_stat', []),
    reader.run('/usr/sbin/scutil', ['--get', 'ComputerName']),
  ]);
  const totalBytes = sysctlNumber(values, 'hw.memsize') ?? facts.totalBytes;
  const name = computerName?.trim() ?? '';
  return {
    name: name === '' ? shortName(facts.hostName) : name,
    ...identity(facts, values.get('machdep.cpu.brand_string')),
    memory: {
      totalBytes,
      budgetBytes: metalBudget(totalBytes, sysctlNumber(values, 'iogpu.wired_limit_mb')),
      availableBytes: Math.min(totalBytes, parseAvailableBytes(vmStat ?? '') ?? facts.freeBytes),
    },
    performanceCores: macCores(values) ?? facts.parallelism,
  };
}

/** What models may take of a machine's memory, when nothing is known of it but its size and whether it is an Apple silicon Mac. */
export function budgetOf(isAppleSilicon: boolean, totalBytes: number): number {
  return isAppleSilicon ? metalBudget(totalBytes, undefined) : Math.floor(totalBytes * LINUX_BUDGET);
}

/** `limitMb`: `sudo sysctl iogpu.wired_limit_mb=...`; 0 leaves it to the system. */
function metalBudget(totalBytes: number, limitMb: number | undefined): number {
  if (limitMb !== undefined && limitMb > 0) return Math.min(limitMb * MIB, totalBytes);
  return Math.floor(totalBytes * (totalBytes < 36 * GIB ? METAL_BUDGET.below36 : METAL_BUDGET.above));
}

/** Every kind of core but the efficient ones: an M5 Pro has super and performance cores. Intel Macs have one kind. */
function macCores(values: ReadonlyMap<string, string>): number | undefined {
  const levels = [0, 1].map((level) => ({
    name: values.get(`hw.perflevel${level}.name`),
    cores: sysctlNumber(values, `hw.perflevel${level}.physicalcpu`) ?? 0,
  }));
  const cores = levels.reduce((sum, { name, cores: count }) => (name === 'Efficiency' ? sum : sum + count), 0);
  return cores > 0 ? cores : sysctlNumber(values, 'hw.physicalcpu');
}

async function readLinux(reader: MachineReader, facts: OperatingSystemFacts): Promise<HardwareFacts> {
  const [meminfo, limit, cores, cpuinfo] = await Promise.all([
    reader.readFile('/proc/meminfo'),
    readMemoryLimit(reader),
    readPerformanceCores(reader, facts.processors.length),
    reader.readFile('/proc/cpuinfo'),
  ]);
  const memory = parseMeminfo(meminfo ?? '') ?? { totalBytes: facts.totalBytes, availableBytes: facts.freeBytes };
  const totalBytes = Math.min(memory.totalBytes, limit ?? Infinity);
  return {
    name: shortName(facts.hostName),
    ...identity(facts, /^model name\s*: (.+)$/m.exec(cpuinfo ?? '')?.[1]),
    memory: {
      totalBytes,
      budgetBytes: Math.floor(totalBytes * LINUX_BUDGET),
      availableBytes: Math.min(totalBytes, memory.availableBytes),
    },
    performanceCores: Math.max(1, Math.min(cores ?? facts.parallelism, facts.parallelism)),
  };
}

function identity(facts: OperatingSystemFacts, chip: string | undefined): Pick<HardwareFacts, 'platform' | 'chip'> {
  const named = chip?.trim() ?? facts.processors[0]?.model ?? '';
  return {
    platform: `${facts.platform}-${facts.architecture}`,
    // `Intel(R) Xeon(R) Processor @ 2.10GHz` -> `Intel Xeon Processor @ 2.10GHz`
    chip: named === '' || named === 'unknown' ? facts.architecture : named.replaceAll(/\((?:R|TM)\)/gi, '').replaceAll(/\s+/g, ' '),
  };
}

/** `studio.local` -> `studio` */
function shortName(hostName: string): string {
  const [first = ''] = hostName.split('.');
  return first === '' ? 'unnamed' : first;
}
