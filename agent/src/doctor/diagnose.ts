import { checkAgent, checkPorts, checkStateFolder } from './check-agent.ts';
import { checkLinks, checkMesh } from './check-mesh.ts';
import { checkFirewalls, checkInterfaces, checkMdnsPort, checkMulticast } from './check-network.ts';
import type { DoctorFacts, Finding } from './facts.ts';

const CHECKS: readonly ((facts: DoctorFacts) => readonly Finding[])[] = [
  checkAgent,
  checkStateFolder,
  checkPorts,
  checkInterfaces,
  checkMulticast,
  checkMdnsPort,
  checkFirewalls,
  checkMesh,
  checkLinks,
];

/** What the facts mean, and what to do about it. */
export function diagnose(facts: DoctorFacts): readonly Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}
