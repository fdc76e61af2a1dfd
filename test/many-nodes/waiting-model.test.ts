import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryEstimate, readGgufModel } from '@pippa/gguf';
import { writeTinyModel } from '@pippa/testing';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callAgent } from '../../agent/src/control/client.ts';
import { inviteOperation, statusOperation } from '../../agent/src/operations/mesh-operations.ts';
import { psOperation } from '../../agent/src/operations/ring-operations.ts';
import { runCommand, startCommand, type Started } from '../one-node/support/agent-process.ts';

const CONTEXT_TOKENS = 2048;
const PARALLEL = 2;
const PATIENCE_MS = 120_000;

describe('an agent that is started for a model larger than its machine', { timeout: PATIENCE_MS }, () => {
  let directory: string;
  let memory: string;
  const started: Started[] = [];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pippa-waiting-'));
    // Not where any agent looks for models.
    const path = join(directory, 'elsewhere.gguf');
    await writeTinyModel(path, {
      layers: 8,
      embeddingLength: 256,
      heads: 4,
      kvHeads: 4,
      feedForwardLength: 512,
      vocabularySize: 320,
    });
    const cells = CONTEXT_TOKENS * PARALLEL;
    const model = await readGgufModel(path);
    const whole = memoryEstimate(model, { from: 0, to: 8, contextCells: cells, parallelSequences: PARALLEL, maxRows: 256 });
    memory = `${Math.round(((whole.weights + whole.context + whole.compute) * 0.9) / 1e6)}MB`;
  });
  afterAll(async () => {
    for (const { process: child } of started) child.kill('SIGTERM');
    await Promise.all(started.map(({ ended }) => ended));
    await rm(directory, { recursive: true, force: true });
  });

  const socketOf = (name: string): string => join(directory, name, 'agent.sock');

  async function serve(name: string, ...words: string[]): Promise<Started> {
    const shape = ['--context', String(CONTEXT_TOKENS), '--parallel', String(PARALLEL), '--threads', '1', '--memory', memory];
    const agent = await startCommand(['--name', name, '--port', '0', '--mesh-port', '0', ...shape, ...words], {
      environment: { PIPPA_MESH: 'on', PIPPA_STATE_DIR: join(directory, name) },
    });
    started.push(agent);
    return agent;
  }

  it('serves, says what is missing, and answers when another machine brings that', async () => {
    const first = await serve('first', '--mesh', 'new', '--model', join(directory, 'elsewhere.gguf'));
    expect(await first.printed(/Ctrl-C stops/)).toMatch(/elsewhere waits for other nodes: .* needs .* more/);
    const { code } = await callAgent(socketOf('first'), inviteOperation, {});
    const { mesh } = await callAgent(socketOf('first'), statusOperation, {});
    const [address = ''] = mesh.state === 'on' ? mesh.addresses : [];
    const second = await serve('second', '--model', 'none', '--join', code, '--peer', address);
    const banner = await second.printed(/Ctrl-C stops/);
    await first.printed(/\+ elsewhere is up/);
    const client = new OpenAI({ baseURL: `${/https?:\/\/[\d.]+:\d+/.exec(banner)?.[0]}/v1`, apiKey: 'none' });
    const answer = await client.completions.create({ model: 'elsewhere', prompt: 'a b c', max_tokens: 8 });
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
    const [ring] = await callAgent(socketOf('second'), psOperation, {});
    expect(ring?.stages).toHaveLength(2);
    const shown = await runCommand(['show', 'elsewhere'], { environment: { PIPPA_STATE_DIR: join(directory, 'second') } });
    expect(shown.stderr).toMatch(/^error: elsewhere is not on this machine; it is on first.*\n.*pippa-agent plan elsewhere/);
  });
});
