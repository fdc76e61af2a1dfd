export { writeBenchModel, writeTinyModel, type RandomModelOptions } from './tiny-model.ts';
export { tinyArchitectures, writeTinyArchitecture, type TinyArchitectureOptions } from './architectures/write.ts';
export { HubServer, type HubFault } from './hub-server.ts';
export { blankCard } from './blank-card.ts';
export { MemoryMesh, MemoryNetwork } from './memory-mesh.ts';
export { selfSigned } from './self-signed.ts';
export { writeTinyBert, type TinyBertOptions } from './tiny-bert.ts';
