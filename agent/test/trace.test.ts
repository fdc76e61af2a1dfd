import { describe, expect, it } from 'vitest';
import { runCommand } from './support/run-command.ts';
import { startSmallGateway } from './support/small-gateway.ts';

async function ask(url: string, id: string): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'one two three' }] }),
  });
  await response.text();
}

describe('pippa-agent trace', () => {
  it("shows where a request's time went", async () => {
    const { url, port } = await startSmallGateway({ stageNames: () => ['studio', 'mini\u001B[31m'] });
    await ask(url, 'question-1');
    const { code, out } = await runCommand(['trace', 'question-1', '--port', String(port)]);
    expect(code).toBe(0);
    expect(out).toMatch(/request +question-1\nroute +POST \/v1\/chat\/completions/);
    expect(out).toMatch(/answer 1: echo, stop/);
    expect(out).toMatch(/template and tokens +4\.0 ms/);
    expect(out).toMatch(/decode +3\.0 ms +3 tokens, 666\.7 a second/);
    expect(out).toMatch(/stage 0 on studio +2\.0 ms +in 3 steps\n +stage 1 on mini/);
    expect(out).not.toContain('\u001B');
    expect(out).toMatch(/between the stages +1\.0 ms/);
    const json = await runCommand(['trace', 'question-1', '--json', '--port', String(port)]);
    expect(JSON.parse(json.out)).toMatchObject({ id: 'question-1', status: 200 });
  });

  it('lists the last requests without an id', async () => {
    const { url, port } = await startSmallGateway();
    expect((await runCommand(['trace', '--port', String(port)])).out).toBe('No requests yet.\n');
    await ask(url, 'first');
    await ask(url, 'second');
    const { out } = await runCommand(['trace', '--port', String(port)]);
    expect(out).toMatch(/^REQUEST +STARTED.*\nsecond .* 200 .*echo\nfirst /);
  });

  it('says what is wrong with an unknown id, and when no agent runs', async () => {
    const { gateway, port } = await startSmallGateway();
    const unknown = await runCommand(['trace', 'nothing', '--port', String(port)]);
    expect(unknown).toMatchObject({ code: 1, error: expect.stringMatching(/No request with the id "nothing"/) });
    await gateway.stop();
    const gone = await runCommand(['trace', 'nothing', '--port', String(port)]);
    expect(gone).toMatchObject({ code: 1, error: expect.stringMatching(/No agent can be reached.*\nStart one/) });
  });
});
