import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';
import { expect, it, onTestFinished } from 'vitest';
import { playing } from '../../packages/gateway/test/support/scripts.ts';
import { describeAiSdk } from './ai-sdk-suite.ts';
import { demo, SCRIPTED, startScripted } from './support/targets.ts';

for (const suite of [SCRIPTED, demo(1), demo(3)]) describeAiSdk(suite);

it('shows reasoning beside the answer', async () => {
  const target = await startScripted(
    playing([
      { kind: 'reasoning', text: 'They greet.' },
      { kind: 'text', text: 'Hello!' },
    ]),
  );
  onTestFinished(() => target.stop());
  const provider = createOpenAICompatible({ name: 'pippa', baseURL: `${target.url}/v1` });
  const { text, finalStep } = await generateText({ model: provider(target.model), prompt: 'Hello', maxRetries: 0 });
  expect({ text, reasoning: finalStep.reasoningText }).toEqual({ text: 'Hello!', reasoning: 'They greet.' });
});
