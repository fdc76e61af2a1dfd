/** The machine is about to sleep. */
export interface SleepNotice {
  /** For how long the system waits; 0: not at all. */
  readonly withinMs: number;
  /** It may sleep now. */
  release(): void;
}

export interface SleepListener {
  onWillSleep(notice: SleepNotice): void;
  onDidWake(): void;
}
