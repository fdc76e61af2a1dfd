export type { MachineReader, OperatingSystemFacts, ProcessorTimes } from './machine-reader.ts';
export { systemReader } from './system-reader.ts';
export { budgetOf, readHardware, type HardwareFacts } from './hardware.ts';
export { readPerformance, type PerformanceFacts, type ReadPerformanceOptions } from './performance.ts';
export { appleChipFacts, type ChipFacts } from './apple-chips.ts';
export { measureMemoryBandwidth, type MeasureMemoryBandwidthOptions } from './memory-bandwidth.ts';
export { watchConditions, type Conditions, type WatchConditionsOptions } from './conditions.ts';
export { classifyInterface, createInterfaceClassifier, type ClassifiedInterface, type ClassifyInterface } from './interfaces.ts';
export { tierOf, type InterfaceType } from './interface-types.ts';
