import { describe, expect, it } from 'vitest';
import { Conversation } from '../src/conversation/conversation.ts';
import type { AnswerPart } from '../src/conversation/partner.ts';
import { endless, ScriptedPartner, shout } from './support/scripted-partner.ts';

const never = new AbortController().signal;

async function textOf(parts: AsyncIterable<AnswerPart>): Promise<string> {
  let text = '';
  for await (const part of parts) if (part.kind === 'text') text += part.text;
  return text;
}

describe('a conversation', () => {
  it('sends what was said before with every question', async () => {
    const partner = new ScriptedPartner(shout);
    const conversation = new Conversation(partner);
    expect(await textOf(conversation.ask('hello', never))).toBe('HELLO');
    await textOf(conversation.ask('more', never));
    expect(partner.asked[1]).toEqual([
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'HELLO' },
      { role: 'user', content: 'more' },
    ]);
  });

  it('puts the system prompt first and keeps it over a clear', async () => {
    const partner = new ScriptedPartner(shout);
    const conversation = new Conversation(partner);
    conversation.setSystem('Be loud.');
    await textOf(conversation.ask('one', never));
    conversation.clear();
    await textOf(conversation.ask('two', never));
    expect(partner.asked[1]).toEqual([
      { role: 'system', content: 'Be loud.' },
      { role: 'user', content: 'two' },
    ]);
  });

  it('leaves out the oldest exchanges when the context is full, never the system prompt', async () => {
    const partner = new ScriptedPartner(shout, 4);
    const conversation = new Conversation(partner);
    conversation.setSystem('s');
    for (const question of ['a', 'b']) await textOf(conversation.ask(question, never));
    expect(await textOf(conversation.ask('c', never))).toBe('C');
    expect(partner.asked.at(-1)?.map((message) => message.content)).toEqual(['s', 'b', 'B', 'c']);
    expect(conversation.droppedMessages).toBe(2);
  });

  it('fails when the question alone is too long, and forgets it', async () => {
    const partner = new ScriptedPartner(shout, 0);
    const conversation = new Conversation(partner);
    await expect(textOf(conversation.ask('long', never))).rejects.toMatchObject({ code: 'context_length_exceeded' });
    await expect(textOf(conversation.ask('next', never))).rejects.toThrow();
    expect(partner.asked.at(-1)).toEqual([{ role: 'user', content: 'next' }]);
  });

  it('keeps a stopped answer as far as it came', async () => {
    const stop = new AbortController();
    const partner = new ScriptedPartner((_messages, signal) => endless('half', signal));
    const conversation = new Conversation(partner);
    const parts = conversation.ask('q', stop.signal)[Symbol.asyncIterator]();
    await parts.next();
    const rest = parts.next();
    stop.abort(new Error('enough'));
    await expect(rest).rejects.toThrow('enough');
    const second = conversation.ask('again', never)[Symbol.asyncIterator]();
    await second.next();
    await second.return?.();
    expect(partner.asked[1]).toEqual([
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'half' },
      { role: 'user', content: 'again' },
    ]);
  });
});
