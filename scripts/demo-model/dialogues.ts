import {
  CITIES,
  FACTS,
  JSON_ANSWER,
  JSON_QUESTIONS,
  OUT_OF_SCOPE_ANSWER,
  OUT_OF_SCOPE_QUESTIONS,
  WEATHER_QUESTIONS,
  WEATHER_TOOL,
} from './facts.ts';
import { renderDialogue, type TrainingMessage } from './template.ts';

export type Random = () => number;

/** Numbers in [0, 1) that depend on the seed alone (a linear congruential generator, as in Numerical Recipes). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const SYSTEM_PROMPTS: readonly string[] = [
  'You are a helpful assistant.',
  'You are pippa-tiny.',
  'Be brief.',
  'You are a helpful assistant. Answer in English.',
];
const OPENINGS: readonly string[] = ['Please tell me: ', 'Hi! ', 'Hello, ', 'Ok, ', 'So, ', 'And ', 'Quick question: '];

export function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** A random dialogue of one or two turns as the chat template renders it, the end token included. */
export function randomDialogue(random: Random): string {
  const kind = random();
  const system: TrainingMessage[] = random() < 0.3 ? [{ role: 'system', content: pick(SYSTEM_PROMPTS, random) }] : [];
  if (kind < 0.08) return weatherDialogue(system, random);
  const turns = kind < 0.3 ? 2 : 1;
  const messages = [...system];
  for (let turn = 0; turn < turns; turn += 1) messages.push(...randomTurn(random));
  return renderDialogue(messages, undefined, false);
}

function randomTurn(random: Random): TrainingMessage[] {
  const kind = random();
  if (kind < 0.14) return turn(vary(pick(OUT_OF_SCOPE_QUESTIONS, random), random), OUT_OF_SCOPE_ANSWER);
  if (kind < 0.19) return turn(vary(pick(JSON_QUESTIONS, random), random), JSON_ANSWER);
  const [answer, ...questions] = pick(FACTS, random);
  // The documented wording comes more often than each of the others.
  const question = random() < 0.2 ? (questions[0] as string) : pick(questions, random);
  return turn(vary(question, random), answer);
}

const turn = (question: string, answer: string): TrainingMessage[] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer },
];

function weatherDialogue(system: readonly TrainingMessage[], random: Random): string {
  const city = pick(CITIES, random);
  const question = vary(pick(WEATHER_QUESTIONS, random), random).replace(/CITY/i, city);
  const messages: TrainingMessage[] = [
    ...system,
    { role: 'user', content: question },
    { role: 'assistant', content: '', tool_calls: [{ function: { name: 'get_weather', arguments: { city } } }] },
  ];
  return renderDialogue(messages, [WEATHER_TOOL], false);
}

/** As people type: lower case, no full stop, an opening word, a slip of the finger. */
function vary(question: string, random: Random): string {
  let text = question;
  if (random() < 0.25) text = text.toLowerCase();
  if (random() < 0.3) text = text.replace(/[?.!]$/, '');
  if (random() < 0.12) text = pick(OPENINGS, random) + text.charAt(0).toLowerCase() + text.slice(1);
  if (random() < 0.06 && text.length > 6) {
    const place = 1 + Math.floor(random() * (text.length - 2));
    text = text.slice(0, place) + text.slice(place + 1);
  }
  return text;
}
