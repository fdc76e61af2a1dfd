import type { MachineReader } from '@pippa/hardware';
import type { FirewallFact } from './facts.ts';

/** The system's firewalls that are on, as far as a user without special rights can see. */
export async function probeFirewalls(reader: MachineReader): Promise<readonly FirewallFact[]> {
  if (reader.facts().platform === 'darwin') {
    const output = await reader.run('/usr/libexec/ApplicationFirewall/socketfilterfw', ['--getglobalstate']);
    // `Firewall is enabled. (State = 1)`; 2 is "block all incoming connections".
    const state = /State = (\d)/.exec(output ?? '')?.[1];
    return state === undefined || state === '0' ? [] : [{ kind: 'macos', blocksAll: state === '2' }];
  }
  const [ufw, firewalld] = await Promise.all([reader.readFile('/etc/ufw/ufw.conf'), reader.run('firewall-cmd', ['--state'])]);
  const found: FirewallFact[] = [];
  if (/^ENABLED=yes$/m.test(ufw ?? '')) found.push({ kind: 'ufw', blocksAll: false });
  if (firewalld?.trim() === 'running') found.push({ kind: 'firewalld', blocksAll: false });
  return found;
}
