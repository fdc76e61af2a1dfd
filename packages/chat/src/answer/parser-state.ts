/** What a running parser tells besides its pieces. */
export interface ParserState {
  inReasoning: boolean;
}
