/** Whether the database is down, as seen by this process. */
export interface Outage {
  /** Since when; undefined while it answers. */
  since(): Date | undefined;
  /** Whether the database's silence, which is reported once, is the reason for an error. */
  explains(error: unknown): boolean;
  /** Calls `listener` when an outage begins. @returns ends that */
  onBegin(listener: () => void): () => void;
}
