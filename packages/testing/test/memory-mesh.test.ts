import { MemoryNetwork } from '../src/index.ts';
import { meshCompliance } from '../src/mesh-compliance.ts';

meshCompliance('MemoryMesh', async () => {
  const network = new MemoryNetwork();
  const near = network.node('near');
  const far = network.node('far');
  return {
    near,
    far,
    lose: async () => network.kill(far.self),
    close: async () => {},
  };
});
