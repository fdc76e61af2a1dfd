export { connectDirect, type DirectSender } from './connect-direct.ts';
export { listen } from './listen.ts';
export { openDirect } from './open-direct.ts';
export { MAX_OFFERED_ADDRESSES, reachableAddresses } from './reachable-addresses.ts';
