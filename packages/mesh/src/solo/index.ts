export { SoloMesh, type SoloMeshOptions } from './solo-mesh.ts';
