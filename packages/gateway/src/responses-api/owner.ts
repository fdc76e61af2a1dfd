import type { Exchange } from '../http/exchange.ts';

/** Whose a response is: the key's that asked for it. */
export const ownerOf = ({ caller }: Exchange): string => caller?.id ?? '';
