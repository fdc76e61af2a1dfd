/** A network namespace, and an address there. */
export interface NodePlace {
  readonly machine: string;
  readonly address: string;
}
