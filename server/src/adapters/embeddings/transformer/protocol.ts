/** What transformer.ts and its thread say to each other. */
export interface WorkerOptions {
  /** With model.onnx (or onnx/model.onnx), tokenizer.json and config.json. */
  readonly folder: string;
  /** The package whose dependencies are the ONNX runtime and the tokenizer. */
  readonly runtime: string;
  readonly device: "auto" | "cpu" | "cuda";
}

export interface EmbedRequest {
  readonly id: number;
  readonly texts: readonly string[];
}

export type WorkerReply =
  | { readonly type: "ready"; readonly dimension: number; readonly device: "cpu" | "cuda" }
  /** It cannot be opened: the sentence is for the operator. */
  | { readonly type: "failed"; readonly message: string }
  /** `dimension` numbers a text, one text after the other. */
  | { readonly type: "vectors"; readonly id: number; readonly vectors: Float32Array }
  | { readonly type: "refused"; readonly id: number; readonly message: string };
