export { connectDirect, type DirectSender } from './connect-direct.ts';
export { openDirect } from './open-direct.ts';
