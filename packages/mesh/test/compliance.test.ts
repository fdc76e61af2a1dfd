import { meshCompliance } from '@pippa/testing/mesh-compliance';
import { connected, TestNodes } from './support/nodes.ts';

meshCompliance('The libp2p mesh', async () => {
  const nodes = new TestNodes();
  const near = await nodes.start('near');
  const far = await nodes.start('far');
  await connected(near, far);
  return {
    near,
    far,
    lose: async () => nodes.crash(far),
    close: async () => nodes[Symbol.asyncDispose](),
  };
});
