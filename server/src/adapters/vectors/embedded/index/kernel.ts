/** The compiled inner loops; see `kernel.wat` for what each does. Addresses are bytes in `memory`. */
import { type WasmMemory, WebAssembly } from "../../../../core/web-assembly.ts";
import { kernelBytes } from "./kernel-bytes.ts";

/** Slots of a chunk: `kernel.wat` divides by it. */
export const chunkSlots = 4_096;

export interface Kernel {
  readonly memory: WasmMemory;
  readonly dot8: (...addresses: number[]) => void;
  readonly dot32: (...addresses: number[]) => void;
  readonly scan: (...addresses: number[]) => void;
  readonly collect: (...addresses: number[]) => number;
}

let compiled: object | undefined;

/** With a memory of its own, of one page. */
export function createKernel(): Kernel {
  compiled ??= new WebAssembly.Module(Buffer.from(kernelBytes, "base64"));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  const { exports } = new WebAssembly.Instance(compiled, { index: { memory } });
  return { memory, ...(exports as Omit<Kernel, "memory">) };
}
