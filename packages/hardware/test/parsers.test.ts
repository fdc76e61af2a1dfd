import fc from 'fast-check';
import { describe, it } from 'vitest';
import { parseCpuList } from '../src/linux/cores.ts';
import { parseMeminfo } from '../src/linux/meminfo.ts';
import { parsePressure } from '../src/linux/pressure.ts';
import { parseGpuCores } from '../src/mac/gpu-cores.ts';
import { parseHardwarePorts } from '../src/mac/hardware-ports.ts';
import { parsePmset } from '../src/mac/pmset.ts';
import { parseThermalPressure } from '../src/mac/pressure.ts';
import { parseSysctl } from '../src/mac/sysctl.ts';
import { parseAvailableBytes } from '../src/mac/vm-stat.ts';

const parsers = {
  parseCpuList,
  parseMeminfo,
  parsePressure,
  parseGpuCores,
  parseHardwarePorts,
  parsePmset,
  parseThermalPressure,
  parseSysctl,
  parseAvailableBytes,
};
const pieces = [
  'Pages free:   1.',
  'page size of 16384 bytes',
  '{"SPDisplaysDataType":[null,{"sppci_cores":7}]}',
  '0-999999999',
  'avg10=',
  '\n',
  ': ',
];

describe('any output of a tool', () => {
  it.each(Object.entries(parsers))('is taken by %s, however broken', (_name, parse) => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...pieces)).map((parts) => parts.join('')),
      fc.json(),
    );
    fc.assert(fc.property(text, (output) => void parse(output)));
  });
});
