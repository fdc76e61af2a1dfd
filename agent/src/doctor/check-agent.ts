import type { DoctorFacts, Finding } from './facts.ts';

export function checkAgent({ agent, version }: DoctorFacts): readonly Finding[] {
  const check = 'agent';
  if (agent.state === 'stopped') {
    return [
      {
        check,
        level: 'note',
        message: 'No agent is running: its mesh cannot be looked at.',
        advice: 'Start it with: npx pippa-agent',
      },
    ];
  }
  if (agent.state === 'failed') {
    const advice = agent.hint === undefined ? {} : { advice: agent.hint };
    return [{ check, level: 'problem', message: agent.message, ...advice }];
  }
  const { report } = agent;
  if (report.version !== version) {
    const message = `The agent is of version ${report.version}, this command of version ${version}.`;
    return [{ check, level: 'warning', message, advice: 'Restart the agent.' }];
  }
  return [
    {
      check,
      level: 'ok',
      message: `Version ${version} runs as process ${report.pid}${report.url === undefined ? '' : `, at ${report.url}`}.`,
    },
  ];
}

export function checkStateFolder({ stateFolder: { path, exists, trouble, hint } }: DoctorFacts): readonly Finding[] {
  const check = 'state';
  if (trouble !== undefined)
    return [{ check, level: 'problem', message: trouble, advice: hint ?? 'Name another folder with --state-dir.' }];
  return [{ check, level: 'ok', message: exists ? `${path} is this user's alone.` : `${path} will be made by the agent.` }];
}

export function checkPorts({ ports }: DoctorFacts): readonly Finding[] {
  return ports.map(({ use, flag, port, state }): Finding => {
    const check = 'port';
    switch (state) {
      case 'ours':
        return { check, level: 'ok', message: `The agent listens on port ${port} (${use}).` };
      case 'free':
        return { check, level: 'ok', message: `Port ${port} (${use}) is free.` };
      case 'taken': {
        const message = `Another program listens on port ${port} (${use}).`;
        return { check, level: 'problem', message, advice: `Stop it, or take another port: ${flag} ${port + 10}` };
      }
      case 'forbidden': {
        const message = `This user may not listen on port ${port} (${use}).`;
        return { check, level: 'problem', message, advice: `Take one above 1023: ${flag} 11500` };
      }
    }
  });
}
