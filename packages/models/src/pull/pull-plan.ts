/** One file to get. */
export interface PlannedFile {
  readonly url: URL;
  /** Sent to the first host only. */
  readonly headers: Readonly<Record<string, string>>;
  /** Below the agent's own folder. */
  readonly target: string;
  /** Undefined where the server did not say before. */
  readonly byteLength: number | undefined;
  /** What the hub states, hexadecimal; undefined where it states none. */
  readonly sha256: string | undefined;
}

/** What a reference stands for. */
export interface PullPlan {
  /** As people will ask for it. */
  readonly name: string;
  /** `huggingface.co`, `registry.ollama.ai` ... */
  readonly from: string;
  readonly files: readonly PlannedFile[];
  /** What goes along with the model for images, and is not got with it. */
  readonly projector?: PlannedProjector;
}

export interface PlannedProjector {
  readonly name: string;
  readonly byteLength: number;
  /** Gets it, where it can be got by itself. */
  readonly reference?: string;
}

export function planBytes(plan: PullPlan): number {
  return plan.files.reduce((sum, file) => sum + (file.byteLength ?? 0), 0);
}
