import { StageError } from '@pippa/core';
import type { House, Member } from './house.ts';
import type { Random } from './random.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** What the mesh takes to give up a frozen node. */
const DEAD_MS = 3000;
/** Nodes that can hold the model between them, the front included. */
const NEEDED = 3;

export interface FaultCircumstances {
  readonly house: House;
  readonly time: SimulatedTime;
  readonly random: Random;
  /** Nothing happens to it but cut links: it has the clients. */
  readonly front: Member;
  /** Adds a node. */
  readonly join: () => void;
  /** Nodes that the house should have. */
  readonly nodes: number;
}

/** What happens to the nodes of a round, told in `told`. */
export class Faults {
  readonly told: string[] = [];
  readonly #about: FaultCircumstances;
  readonly #leaving = new Set<Member>();
  readonly #frozen = new Set<Member>();

  constructor(about: FaultCircumstances) {
    this.#about = about;
  }

  /** A loss: the node of a stage is killed, freezes for good, or fails at a step. */
  first(): void {
    const { random } = this.#about;
    const victim = random.pick(this.#mortal.filter((member) => this.#holdsStage(member))) ?? random.pick(this.#mortal);
    const kind = random.below(5);
    if (victim === undefined || kind === 0) this.#spoil(0);
    else if (kind === 1) this.#freeze(victim, DEAD_MS);
    else this.#kill(victim);
  }

  next(): void {
    const { random } = this.#about;
    const victim = random.pick(this.#mortal);
    const kind = random.below(11);
    if (kind === 0) this.#cut();
    else if (kind === 1) this.#hold();
    else if (kind === 2 || victim === undefined) this.#spoil(random.below(3));
    else if (kind === 3) this.#leave(victim);
    else if (kind === 4) this.#freeze(victim, random.oneIn(2) ? random.below(200) : DEAD_MS);
    else if (kind === 5) this.#killTwo();
    else if (kind === 6) this.#split();
    else if (kind === 7) this.#move();
    else this.#kill(victim);
  }

  /** Nodes that may go: enough stay to hold the model. */
  get #mortal(): Member[] {
    const { house, front } = this.#about;
    const others = house.members.filter(
      (member) => member !== front && !this.#leaving.has(member) && !this.#frozen.has(member) && member.mesh.state === 'alive',
    );
    return others.length >= NEEDED ? others : [];
  }

  #holdsStage({ mesh }: Member): boolean {
    const { front } = this.#about;
    return front.router.rings().some(({ card }) => card.stages.some(({ peer }) => peer === mesh.self));
  }

  #kill(victim: Member): void {
    this.told.push(`kill ${victim.mesh.self}`);
    this.#remove(victim);
  }

  #killTwo(): void {
    const { random } = this.#about;
    for (let count = 0; count < 2; count += 1) {
      const victim = random.pick(this.#mortal);
      if (victim !== undefined) this.#kill(victim);
    }
  }

  /** Its process is gone; another one comes after a while. */
  #remove(victim: Member): void {
    const { house, time, random } = this.#about;
    if (!house.members.includes(victim)) return;
    house.kill(victim);
    time.schedule(random.below(100), () => this.#refill());
  }

  #refill(): void {
    const { house, nodes, join } = this.#about;
    if (house.members.length < nodes) join();
  }

  #leave(victim: Member): void {
    this.told.push(`leave ${victim.mesh.self}`);
    this.#leaving.add(victim);
    void victim.router
      .handOver(new AbortController().signal)
      .then(() => victim.stop())
      .finally(() => this.#remove(victim));
  }

  #freeze(victim: Member, forMs: number): void {
    const { house, time } = this.#about;
    this.told.push(`freeze ${victim.mesh.self} for ${forMs}`);
    this.#frozen.add(victim);
    house.network.freeze(victim.mesh.self);
    time.schedule(forMs, () => {
      this.#frozen.delete(victim);
      if (forMs < DEAD_MS) house.network.thaw(victim.mesh.self);
      else this.#remove(victim);
    });
  }

  #cut(): void {
    this.#between('cut', (network, a, b) => {
      network.cut(a, b);
      return () => network.heal(a, b);
    });
  }

  /** A link that carries nothing for a while. */
  #hold(): void {
    this.#between('hold', (network, a, b) => {
      network.hold(a, b);
      return () => network.release(a, b);
    });
  }

  /** Two halves of the house do not see each other for a while. */
  #split(): void {
    const { house, time, random } = this.#about;
    const halves = house.members.map((member) => ({ member, isLeft: random.oneIn(2) }));
    const left = halves.filter(({ isLeft }) => isLeft).map(({ member }) => member.mesh.self);
    const right = halves.filter(({ isLeft }) => !isLeft).map(({ member }) => member.mesh.self);
    if (left.length === 0 || right.length === 0) return;
    this.told.push(`split ${left.join(', ')} from ${right.join(', ')}`);
    for (const a of left) for (const b of right) house.network.cut(a, b);
    time.schedule(1 + random.below(150), () => {
      for (const a of left) for (const b of right) house.network.heal(a, b);
    });
  }

  /** A conductor finds that one of its nodes is slow and another one would do better. */
  #move(): void {
    const { house, random } = this.#about;
    const conductor = random.pick(house.members.filter(({ manager }) => manager.rings.length > 0));
    const stages = conductor?.manager.rings[0]?.stages ?? [];
    const free = random.pick(this.#mortal.filter(({ mesh }) => !stages.some(({ peer }) => peer === mesh.self)));
    const slow = random.pick(stages.filter(({ peer }) => peer !== conductor?.mesh.self));
    if (conductor === undefined || free === undefined || slow === undefined) return;
    this.told.push(`move layers from ${slow.peer} to ${free.mesh.self}`);
    conductor.planner.nextMove = stages.map((stage) => (stage === slow ? { ...stage, peer: free.mesh.self } : stage));
  }

  #between(
    what: string,
    spoil: (network: House['network'], a: Member['mesh']['self'], b: Member['mesh']['self']) => () => void,
  ): void {
    const { house, time, random } = this.#about;
    const [a, b] = [random.pick(house.members), random.pick(house.members)];
    if (a === undefined || b === undefined || a === b) return;
    this.told.push(`${what} ${a.mesh.self} ${b.mesh.self}`);
    time.schedule(1 + random.below(60), spoil(house.network, a.mesh.self, b.mesh.self));
  }

  /** Stages that fail, are refused, or compute what are no numbers. */
  #spoil(kind: number): void {
    const { house, time, random, front } = this.#about;
    const victim = random.pick(house.members.filter((member) => this.#holdsStage(member))) ?? random.pick(house.members);
    if (victim === undefined) return;
    this.told.push(`spoil ${victim.mesh.self} ${kind}`);
    const { faults } = victim.loader;
    if (kind === 0) faults.failNextStep = true;
    if (kind === 1) faults.refuseWith = new StageError('no memory now');
    if (kind === 2) faults.poison = victim !== front;
    time.schedule(1 + random.below(60), () => {
      faults.refuseWith = undefined;
      faults.poison = false;
    });
  }
}
