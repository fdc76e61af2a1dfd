import type { ChatMessage, ChatRequest, TokenId, ToolDefinition, Tokenizer } from '@pippa/core';
import type { AnswerFormat } from './answer/answer-format.ts';
import { isHarmony } from './answer/harmony.ts';
import { HARMONY_ANALYSIS_END, HARMONY_FINAL } from './answer/harmony-grammar.ts';
import { detectReasoning, opensReasoning, USUAL_REASONING, type ReasoningMarkers } from './answer/reasoning-markers.ts';
import { ControlTexts } from './prompt/control-texts.ts';
import { encodePrompt } from './prompt/encode-prompt.ts';
import { pieceText, singleToken } from './prompt/marker-tokens.ts';
import { UntrustedText } from './prompt/untrusted-text.ts';
import type { ServedModelParts } from './served-model.ts';
import { builtInTemplate } from './template/built-in-templates.ts';
import { ChatTemplate } from './template/chat-template.ts';
import { detectToolCallFormat, HERMES_FORMAT } from './tools/formats.ts';
import type { ToolCallFormat } from './tools/tool-call-format.ts';

/** A chat request made ready for the generator. */
export interface PreparedChat {
  readonly prompt: Int32Array;
  /** Tools that may be called. */
  readonly tools: readonly ToolDefinition[];
  readonly format: AnswerFormat;
  /** Where the prompt left the model. */
  readonly reasoning: 'inside' | 'before' | 'none';
  /** Header of the answer that the prompt already holds. */
  readonly begun: string;
  readonly markerToken: (marker: string) => TokenId | undefined;
}

interface Rendered {
  readonly text: string;
  readonly reasoning: PreparedChat['reasoning'];
  readonly begun: string;
}

/** How one model chats: its template and what is known of its answers, found out once. */
export class ModelChat {
  /** Stop strings that the template needs. */
  readonly stops: readonly string[];
  readonly #tokenizer: Tokenizer;
  readonly #randomSeed: () => number;
  readonly #template: ChatTemplate;
  readonly #controls: ControlTexts;
  readonly #harmony: boolean;
  readonly #reasoning: ReasoningMarkers | undefined;
  readonly #calls: ToolCallFormat | undefined;
  readonly #wrappers: readonly string[];
  readonly #markerTokens: ReadonlyMap<string, TokenId>;

  private constructor(
    parts: ServedModelParts,
    source: string,
    stops: readonly string[],
    reasoning: ReasoningMarkers | undefined,
    markerTokens: ReadonlyMap<string, TokenId>,
  ) {
    const { tokenizer, clock } = parts;
    const text = (token: TokenId | undefined) => (token === undefined ? '' : pieceText(tokenizer, token));
    this.stops = stops;
    this.#tokenizer = tokenizer;
    this.#randomSeed = parts.randomSeed;
    this.#template = new ChatTemplate({
      source,
      beginText: text(tokenizer.beginOfSequence),
      endText: text(tokenizer.endOfSequence),
      clock,
    });
    this.#controls = ControlTexts.of(tokenizer);
    this.#harmony = isHarmony(source);
    this.#reasoning = this.#harmony ? undefined : reasoning;
    // A way of its own that is not known is read, and forced, in the way that most models have seen.
    this.#calls = (this.#template.features.tools ? detectToolCallFormat(source) : undefined) ?? HERMES_FORMAT;
    this.#wrappers = source.includes('<response></response>') ? ['<response>', '</response>'] : [];
    this.#markerTokens = markerTokens;
  }

  /** Throws `TemplateError` when the model's template is none. */
  static async open(parts: ServedModelParts): Promise<ModelChat> {
    const { tokenizer, template } = parts;
    const { source, stops } = template === undefined ? await builtInTemplate(tokenizer) : { source: template, stops: [] };
    const reasoning = detectReasoning(source) ?? (await silentReasoning(tokenizer));
    const markerTokens = new Map<string, TokenId>();
    for (const marker of [HARMONY_ANALYSIS_END, ...(reasoning === undefined ? [] : [reasoning.close])]) {
      const token = await singleToken(tokenizer, marker);
      if (token !== undefined) markerTokens.set(marker, token);
    }
    return new ModelChat(parts, source, stops, reasoning, markerTokens);
  }

  /** The template shows tools to the model. */
  get tools(): boolean {
    return this.#template.features.tools;
  }

  get reasoning(): boolean {
    return this.#harmony || this.#reasoning !== undefined;
  }

  /** Throws `TemplateError` with the template's own message when it refuses the messages. */
  async prepare(request: ChatRequest): Promise<PreparedChat> {
    const tools = request.toolChoice === 'none' ? [] : request.tools;
    const untrusted = new UntrustedText(this.#controls, this.#randomSeed);
    const { text, reasoning, begun } = this.#render(request, tools, untrusted);
    return {
      prompt: await encodePrompt(this.#tokenizer, untrusted.pieces(text)),
      tools,
      reasoning,
      begun,
      format: {
        harmony: this.#harmony,
        reasoning: this.#reasoning,
        calls: tools.length > 0 ? this.#calls : undefined,
        callsExpected: tools.length > 0,
        wrappers: this.#wrappers,
      },
      markerToken: (marker) => this.#markerTokens.get(marker),
    };
  }

  #render(request: ChatRequest, tools: readonly ToolDefinition[], untrusted: UntrustedText): Rendered {
    // Templates look for the markers in earlier answers, to take the reasoning out.
    const ownMarkers = new Set(this.#reasoning === undefined ? [] : [this.#reasoning.open, this.#reasoning.close]);
    const begunAnswer = begunBy(request.messages);
    const text = this.#template.render({
      messages: begunAnswer === undefined ? request.messages : request.messages.slice(0, -1),
      tools,
      variables: request.templateVariables ?? {},
      protect: (part, { role }) => untrusted.protect(part, role === 'assistant' ? ownMarkers : new Set()),
    });
    const markers = this.#reasoning;
    const inside = markers !== undefined && opensReasoning(text, markers);
    if (begunAnswer === undefined) {
      const closed = markers !== undefined && text.trimEnd().endsWith(markers.close);
      return { text, begun: '', reasoning: inside ? 'inside' : closed || markers === undefined ? 'none' : 'before' };
    }
    const content = untrusted.protect(begunAnswer.content);
    if (this.#harmony) return { text: text + HARMONY_FINAL + content, begun: HARMONY_FINAL, reasoning: 'none' };
    const thought = inside ? `${untrusted.protect(begunAnswer.reasoning ?? '')}\n${markers.close}\n\n` : '';
    return { text: text + thought + content, begun: '', reasoning: 'none' };
  }
}

/** A last message of the assistant is the beginning of the answer: the model goes on with it. */
function begunBy(messages: readonly ChatMessage[]): (ChatMessage & { readonly role: 'assistant' }) | undefined {
  const last = messages.at(-1);
  if (messages.length < 2 || last?.role !== 'assistant' || (last.toolCalls?.length ?? 0) > 0) return undefined;
  return last;
}

/** Models whose template is silent about reasoning have the tokens for it all the same, if they reason. */
async function silentReasoning(tokenizer: Tokenizer): Promise<ReasoningMarkers | undefined> {
  const open = await singleToken(tokenizer, USUAL_REASONING.open);
  const close = await singleToken(tokenizer, USUAL_REASONING.close);
  return open !== undefined && close !== undefined ? USUAL_REASONING : undefined;
}
