import { checkKeptEvent } from "../../core/event/kept.ts";

/**
 * What is wrong with the edited bytes of a dead letter of this part, which must be an event in the
 * format of the original; undefined when they are valid.
 * @param source what the part passed to `dlq.add`
 */
export function checkEditedEvent(
  bytes: Buffer,
  { source }: { readonly source: unknown },
): string | undefined {
  const checked = checkKeptEvent(bytes, (source as { format?: unknown } | null)?.format);
  if (checked === undefined) return "not the JSON of one event";
  return checked.kind === "rejection" ? checked.detail : undefined;
}
