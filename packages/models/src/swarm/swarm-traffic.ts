/** Bytes of pieces that were taken from and given to peers. */
export class SwarmTraffic {
  receivedBytes = 0;
  sentBytes = 0;
}
