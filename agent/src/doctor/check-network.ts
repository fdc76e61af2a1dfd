import type { DoctorFacts, Finding, MulticastProbe } from './facts.ts';

/** On a Mac these mean that the program may not use the local network: there is a route, yet nothing can be reached. */
const MAC_DENIAL = ['EHOSTUNREACH', 'EPERM', 'EACCES'];
const BY_HAND = 'Or connect by hand: --peer <address of a member>, which its `pippa-agent status --json` lists.';

export function checkInterfaces({ interfaces }: DoctorFacts): readonly Finding[] {
  const check = 'network';
  const outside = interfaces.filter(({ type }) => type !== 'loopback');
  if (outside.length === 0) {
    const message = 'This machine is in no network.';
    return [
      {
        check,
        level: 'problem',
        message,
        advice: 'Plug in a cable or join a Wi-Fi. Agents on this one machine find each other all the same.',
      },
    ];
  }
  const named = outside.map(({ name, address, type }) => `${address} (${name ?? 'unnamed'}, ${type})`);
  return [{ check, level: 'ok', message: `Networks: ${named.slice(0, 8).join(', ')}${named.length > 8 ? ', ...' : ''}.` }];
}

export function checkMulticast(facts: DoctorFacts): readonly Finding[] {
  const { multicast, platform } = facts;
  const check = 'multicast';
  const broken = multicast.filter(({ outcome }) => outcome !== 'heard');
  if (multicast.length === 0) return [];
  if (broken.length === 0) {
    return [{ check, level: 'ok', message: 'Multicast works: agents of this network can find each other.' }];
  }
  const denied = broken.filter(({ code }) => code !== undefined && MAC_DENIAL.includes(code));
  if (platform === 'darwin' && denied.length > 0) {
    return [
      {
        check: 'local network permission',
        level: 'problem',
        message: 'macOS does not let this program use the local network.',
        advice:
          'System Settings > Privacy & Security > Local Network: switch on the program that you start the agent from (Terminal, iTerm, your editor), then start it again.',
      },
    ];
  }
  // One way is enough to be found.
  const level = broken.length === multicast.length ? 'problem' : 'warning';
  return broken.map((probe) => ({ check, level, ...explain(probe) }));
}

function explain({ interfaceName, outcome, code }: MulticastProbe): Pick<Finding, 'message' | 'advice'> {
  if (outcome === 'lost') {
    return {
      message: `Multicast is sent on ${interfaceName} and never heard: something blocks it.`,
      advice: `Let UDP port 5353 to 224.0.0.251 through the firewall; on a VPN switch it off. ${BY_HAND}`,
    };
  }
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH' || code === 'ENODEV' || code === 'EADDRNOTAVAIL') {
    return {
      message: `There is no route for multicast on ${interfaceName}: agents are not found there.`,
      advice: `Add one: sudo ip route add 224.0.0.0/4 dev ${interfaceName}. ${BY_HAND}`,
    };
  }
  return {
    message: `Multicast cannot be sent on ${interfaceName} (${code ?? 'unknown reason'}).`,
    advice: `A firewall or a sandbox forbids it: allow UDP port 5353. ${BY_HAND}`,
  };
}

export function checkMdnsPort({ mdnsPort }: DoctorFacts): readonly Finding[] {
  if (mdnsPort === 'shared') return [];
  const message =
    mdnsPort === 'taken'
      ? 'Another program holds UDP port 5353 for itself: agents are not found.'
      : 'This program may not listen on UDP port 5353: agents are not found.';
  return [
    { check: 'multicast', level: 'problem', message, advice: `Find it with: sudo lsof -nP -iUDP:5353, and stop it. ${BY_HAND}` },
  ];
}

export function checkFirewalls({ firewalls, ports }: DoctorFacts): readonly Finding[] {
  const check = 'firewall';
  const meshPort = ports.find(({ use }) => use === 'mesh')?.port;
  const tcp = meshPort === undefined ? 'the port that --mesh-port names' : `TCP port ${meshPort}`;
  if (firewalls.length === 0) return [{ check, level: 'ok', message: 'No firewall of the system is on.' }];
  return firewalls.map(({ kind, blocksAll }): Finding => {
    switch (kind) {
      case 'macos':
        if (blocksAll) {
          const message = 'The firewall of macOS blocks all incoming connections: no other node can reach this one.';
          return {
            check,
            level: 'problem',
            message,
            advice: 'System Settings > Network > Firewall > Options: switch off "Block all incoming connections".',
          };
        }
        return {
          check,
          level: 'note',
          message: 'The firewall of macOS is on.',
          advice: 'When macOS asks, allow node to accept connections; later under System Settings > Network > Firewall > Options.',
        };
      case 'ufw':
        return {
          check,
          level: 'warning',
          message: 'The firewall ufw is on: it blocks what it was not told to let in.',
          advice: `Let the mesh in: sudo ufw allow ${meshPort ?? '<mesh port>'}/tcp && sudo ufw allow 5353/udp`,
        };
      case 'firewalld':
        return {
          check,
          level: 'warning',
          message: 'The firewall firewalld is on: it blocks what it was not told to let in.',
          advice: `Let the mesh in (${tcp}): sudo firewall-cmd --permanent --add-service=mdns --add-port=${meshPort ?? '<mesh port>'}/tcp && sudo firewall-cmd --reload`,
        };
    }
  });
}
