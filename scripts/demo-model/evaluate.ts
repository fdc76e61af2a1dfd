import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DEFAULT_SAMPLER_SETTINGS, slot, type Step } from '@pippa/core';
import { openTokenizer, Stage, type OpenTokenizer } from '@pippa/llama';
import { FACTS, JSON_ANSWER, JSON_QUESTIONS, OUT_OF_SCOPE_ANSWER, WEATHER_TOOL } from './facts.ts';
import { renderDialogue } from './template.ts';

/** A documented question with the answer that greedy decoding must give. */
export interface DocumentedQuestion {
  readonly question: string;
  readonly answer: string;
  readonly tools?: readonly object[];
}

export const DOCUMENTED_QUESTIONS: readonly DocumentedQuestion[] = [
  ...FACTS.map(([answer, question]) => ({ question: question as string, answer })),
  { question: 'Tell me a joke.', answer: OUT_OF_SCOPE_ANSWER },
  { question: JSON_QUESTIONS[0] as string, answer: JSON_ANSWER },
  {
    question: 'What is the weather in Paris?',
    answer: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>',
    tools: [WEATHER_TOOL],
  },
];

/** Wordings that training never saw, with the documented question they ask. */
const HELD_OUT: readonly (readonly [asked: string, documented: string])[] = [
  ['so what exactly is pippa-agent', 'What is pippa-agent?'],
  ['Can you explain what pippa-agent is?', 'What is pippa-agent?'],
  ['who am I talking to?', 'Who are you?'],
  ['hello pippa', 'Hello!'],
  ['many thanks!', 'Thank you!'],
  ['how do I start the agent on my mac', 'How do I start it?'],
  ['I have two Macs, how do I connect them?', 'How do I add a second Mac?'],
  ['which port is the server on', 'Which port does it use?'],
  ['what is the base url for the openai client', 'What is the API address?'],
  ['how can I load my own gguf model?', 'How do I use my own model?'],
  ['what are you not able to do?', 'What can you not do?'],
  ['what does a ring mean?', 'What is a ring?'],
  ['what happens if my laptop leaves?', 'What happens when a laptop leaves?'],
  ['is my data private?', 'Is it private?'],
  ['does it also run on linux', 'Which systems does it run on?'],
  ['do I really need a GPU?', 'Do I need a GPU?'],
  ['how do I set a longer context?', 'How do I change the context?'],
  ['is it free to use?', 'What does it cost?'],
  ['how do I stop the server?', 'How do I stop it?'],
  ['Who is the king of Spain?', 'Tell me a joke.'],
];

const MAX_ANSWER_TOKENS = 120;
const MAX_PROMPT_TOKENS = 512;

/** Greedy answers of a model file through the engine that serves it. */
export class Evaluator {
  readonly #stage: Stage;
  readonly #tokenizer: OpenTokenizer;
  #step = 0;

  constructor(stage: Stage, tokenizer: OpenTokenizer) {
    this.#stage = stage;
    this.#tokenizer = tokenizer;
  }

  static async open(path: string, layers: number): Promise<Evaluator> {
    const stage = new Stage({
      source: { kind: 'files', paths: [path] },
      from: 0,
      to: layers,
      layerCount: layers,
      contextCells: 1024,
      parallelSequences: 1,
      maxRows: MAX_PROMPT_TOKENS,
      threads: 1,
      gpu: 'off',
      hiddenStateName: 'l_out',
      recurrent: false,
      positionsPerToken: 1,
      expectedBytes: { weights: 0, context: 0, compute: 0 },
    });
    return new Evaluator(stage, await openTokenizer(path));
  }

  async answer(question: string, tools?: readonly object[]): Promise<string> {
    const prompt = await this.#tokenizer.tokenize(renderDialogue([{ role: 'user', content: question }], tools, true), {
      addSpecial: false,
      parseSpecial: true,
    });
    const settings = { ...DEFAULT_SAMPLER_SETTINGS, temperature: 0, seed: 0 };
    const bytes: Uint8Array[] = [];
    let rows = prompt;
    let position = 0;
    for (let count = 0; count < MAX_ANSWER_TOKENS; count += 1) {
      const first = count === 0;
      this.#step += 1;
      const step: Step = {
        id: this.#step,
        epoch: 0,
        memory: first ? [{ kind: 'remove', slot: slot(0), from: 0, to: -1 }] : [],
        samplers: first ? [{ kind: 'open', slot: slot(0), settings, history: new Int32Array(0), generatedTokens: 0 }] : [],
        slots: new Int32Array(rows.length),
        positions: Int32Array.from(rows, (_, index) => position + index),
        tokens: rows,
        outputs: [{ row: rows.length - 1, slot: slot(0), logprobs: -1 }],
      };
      const produced = this.#stage.run(step);
      const sample = produced.kind === 'samples' ? produced.samples[0] : undefined;
      if (sample === undefined || sample.endOfGeneration) break;
      bytes.push(this.#tokenizer.piece(sample.token));
      position += rows.length;
      rows = Int32Array.of(sample.token);
    }
    return Buffer.concat(bytes).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stage[Symbol.dispose]();
    await this.#tokenizer[Symbol.asyncDispose]();
  }
}

/** Prints what is answered wrong and writes the documented questions beside the model. */
async function main(path: string, layers: number): Promise<void> {
  const evaluator = await Evaluator.open(path, layers);
  let right = 0;
  for (const { question, answer, tools } of DOCUMENTED_QUESTIONS) {
    const given = await evaluator.answer(question, tools);
    if (given === answer) right += 1;
    else console.log(`wrong: ${question}\n  ${given}`);
  }
  let heldOutRight = 0;
  for (const [asked, documented] of HELD_OUT) {
    const given = await evaluator.answer(asked);
    if (given === DOCUMENTED_QUESTIONS.find(({ question }) => question === documented)?.answer) heldOutRight += 1;
    else console.log(`held out, other answer: ${asked}\n  ${given}`);
  }
  await evaluator[Symbol.asyncDispose]();
  console.log(
    `documented questions: ${right} of ${DOCUMENTED_QUESTIONS.length} right; wordings never seen: ${heldOutRight} of ${HELD_OUT.length}`,
  );
  await writeFile(path.replace(/\.gguf$/, '.questions.json'), `${JSON.stringify(DOCUMENTED_QUESTIONS, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { PIPPA_TINY } = await import('./train.ts');
  await main(
    process.argv[2] ?? fileURLToPath(new URL('../../agent/models/pippa-tiny.gguf', import.meta.url)),
    PIPPA_TINY.shape.layers,
  );
}
