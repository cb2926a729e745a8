/** As much of onnxruntime-node and @huggingface/tokenizers as is used: they are installed apart. */

export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
}

export interface TransformerRuntime {
  readonly InferenceSession: {
    create(
      path: string,
      options: { readonly executionProviders: readonly string[] },
    ): Promise<OrtSession>;
  };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => OrtTensor;
  readonly Tokenizer: new (
    description: object,
    settings: object,
  ) => { encode(text: string): { readonly ids: readonly number[] } };
}
