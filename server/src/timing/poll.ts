import { pause } from "./pause.ts";

/** The first value that `read` returns; undefined means not yet. Asked every `everyMs`. */
export async function poll<T>(
  read: () => Promise<T | undefined>,
  { everyMs }: { readonly everyMs: number },
): Promise<T> {
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    await pause(everyMs);
  }
}
