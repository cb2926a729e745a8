/** What is used here of WebAssembly: the language's own types of it come with those of browsers only. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB. `buffer` is another one afterwards. */
  grow(pages: number): number;
}

interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

export const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
