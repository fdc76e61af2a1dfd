import { GOOD_LINK } from '../../support/faulty-network.ts';
import type { LinkCondition } from '../../support/link-conditions.ts';
import { LEAST_NODES, limitFiles, type House, type HouseNode } from './house.ts';
import type { PlannedFault, SingleFault } from './plan-faults.ts';
import { pick } from './pick.ts';

/** Milliseconds, from the least to the most. Silence is noticed after one second and counts as death after three. */
const LASTS: Readonly<Record<SingleFault, readonly [number, number]>> = {
  kill: [0, 1500],
  'kill the conductor': [0, 1500],
  'freeze shortly': [200, 900],
  'freeze for long': [3500, 6000],
  'cut a link': [500, 6000],
  'slow a link': [1000, 5000],
  'lose packets': [1000, 5000],
  'fill the disk': [1000, 5000],
  leave: [0, 0],
  join: [0, 0],
};
/** One way. */
const SLOW_MS = [5, 120] as const;
const LOST_SHARE = [0.02, 0.3] as const;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const at = (share: number, [least, most]: readonly [number, number]): number => least + share * (most - least);

/** Makes things happen to a house. */
export class Faults {
  readonly #house: House;
  /** Nodes that something happens to now. */
  readonly #impaired = new Set<HouseNode>();

  constructor(house: House) {
    this.#house = house;
  }

  /** How many nodes are frozen, cut off or to be replaced now. */
  get impaired(): number {
    return this.#impaired.size;
  }

  /** Settles when it is over and as many nodes are there as there are to be; `tell` gets what was done to whom. */
  async happen(fault: PlannedFault, tell: (what: string) => void): Promise<void> {
    const { kind } = fault;
    const victim = kind === 'kill the conductor' ? await this.#conductor(fault) : pick(this.#free, fault.victim);
    if (victim === undefined) {
      tell(`${kind}: nobody is left for it`);
      return;
    }
    const lastsMs = at(fault.length, LASTS[kind]);
    switch (kind) {
      case 'kill':
      case 'kill the conductor':
        tell(`${kind}: ${victim.remote.name}, the next one after ${Math.round(lastsMs)} ms`);
        return this.#impair(victim, () => this.#kill(victim, lastsMs));
      case 'freeze shortly':
      case 'freeze for long':
        tell(`${kind}: ${victim.remote.name} for ${Math.round(lastsMs)} ms`);
        return this.#impair(victim, () => this.#freeze(victim, lastsMs));
      case 'cut a link':
        return this.#spoil(victim, fault, { ...GOOD_LINK, lostShare: 1 }, lastsMs, tell);
      case 'slow a link':
        return this.#spoil(victim, fault, { ...GOOD_LINK, delayMs: at(fault.strength, SLOW_MS) }, lastsMs, tell);
      case 'lose packets':
        return this.#spoil(victim, fault, { ...GOOD_LINK, lostShare: at(fault.strength, LOST_SHARE) }, lastsMs, tell);
      case 'fill the disk': {
        tell(`${kind}: ${victim.remote.name} for ${Math.round(lastsMs)} ms`);
        const { processId } = victim.remote;
        // It may be gone by now, or then.
        await limitFiles(processId, 0).catch(() => {});
        await wait(lastsMs);
        await limitFiles(processId, 'unlimited').catch(() => {});
        return;
      }
      case 'leave':
        tell(`${kind}: ${victim.remote.name}`);
        return this.#impair(victim, () => this.#leave(victim));
      case 'join':
        if (this.#house.isFull) {
          tell(`${kind}: the house is full`);
          return;
        }
        tell(kind);
        await this.#house.join();
    }
  }

  get #free(): readonly HouseNode[] {
    return this.#house.nodes.filter((node) => !this.#impaired.has(node));
  }

  /** Who conducts now; anybody while nobody does. */
  async #conductor(fault: PlannedFault): Promise<HouseNode | undefined> {
    for (const node of this.#free) {
      const facts = await Promise.race([node.remote.facts().catch(() => undefined), wait(500)]);
      if (facts !== undefined && facts.rings.length > 0 && this.#free.includes(node)) return node;
    }
    return pick(this.#free, fault.victim);
  }

  async #impair(victim: HouseNode, action: () => Promise<void>): Promise<void> {
    this.#impaired.add(victim);
    try {
      await action();
    } finally {
      this.#impaired.delete(victim);
    }
  }

  async #kill(victim: HouseNode, replacedAfterMs: number): Promise<void> {
    this.#house.giveUp(victim);
    victim.remote.signal('SIGKILL');
    await wait(replacedAfterMs);
    this.#house.free(victim);
    await this.#house.join();
  }

  async #freeze(victim: HouseNode, lastsMs: number): Promise<void> {
    victim.remote.signal('SIGSTOP');
    await wait(lastsMs);
    victim.remote.signal('SIGCONT');
  }

  async #leave(victim: HouseNode): Promise<void> {
    this.#house.giveUp(victim);
    // As people would: where few are left, another one comes first.
    if (this.#house.nodes.length < LEAST_NODES) await this.#house.join();
    await victim.remote.ask({ kind: 'leave' });
    await victim.remote[Symbol.asyncDispose]();
    this.#house.free(victim);
  }

  async #spoil(
    victim: HouseNode,
    { kind, partner, toEverybody }: PlannedFault,
    condition: LinkCondition,
    lastsMs: number,
    tell: (what: string) => void,
  ): Promise<void> {
    const { network } = this.#house;
    const others = this.#house.nodes.filter((node) => node !== victim);
    const other = pick(others, partner);
    if (network === undefined || other === undefined) return;
    const ends = toEverybody ? network.places.map((_, index) => index) : [other.machine];
    const far = ends.filter((machine) => machine !== victim.machine);
    const { delayMs, lostShare } = condition;
    const how = lostShare === 1 ? '' : ` (${Math.round(delayMs)} ms, ${Math.round(lostShare * 100)} % lost)`;
    tell(`${kind}: ${victim.remote.name} to ${toEverybody ? 'everybody' : other.remote.name} for ${Math.round(lastsMs)} ms${how}`);
    const spoil = async (): Promise<void> => {
      for (const machine of far) network.between(victim.machine, machine, condition);
      await wait(lastsMs);
      for (const machine of far) network.between(victim.machine, machine, GOOD_LINK);
    };
    await (lostShare === 1 ? this.#impair(victim, spoil) : spoil());
  }
}
