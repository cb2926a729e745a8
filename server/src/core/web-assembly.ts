/** The used part of WebAssembly: TypeScript has its types only in those of browsers. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** In pages of 64 KiB. `buffer` is replaced. */
  grow(pages: number): number;
}

interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

export const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
