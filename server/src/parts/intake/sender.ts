/** Who sent a message: never by its value, which its sender may have copied from elsewhere. */
import { rawDataHeaders } from "@weir/protocol";
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { TextHeaders } from "./message-headers.ts";
import type { PrincipalMapping, Refusal, Senders } from "./ports.ts";

export interface SenderOptions {
  readonly senders: Senders;
  readonly principals: () => PrincipalMapping;
}

/** The keys of services cannot be checked now: try again. */
export interface Unknown {
  readonly kind: "unknown";
  readonly detail: string;
}

/**
 * The service that the broker's principal stands for, else the service of the API key in the header. A message
 * with a principal that is not mapped may still have a key.
 */
export function senderOf(
  { senders, principals }: SenderOptions,
  text: TextHeaders,
): Principal | Refusal | Unknown {
  try {
    const service = mappedService(text, principals());
    if (service !== undefined) return senders.service(service);
    const keys = text.all(rawDataHeaders.key);
    const key = text.text(rawDataHeaders.key);
    if (keys.length > 1) return unauthenticated(`the message has ${keys.length} headers weir-key`);
    if (key === undefined || key === "") {
      return unauthenticated("send an API key in the header weir-key");
    }
    return senders.authenticate(key);
  } catch (error) {
    return refusalOf(error);
  }
}

/** A service whose message an operator replays. */
export function namedSender(
  { senders }: SenderOptions,
  name: string,
): Principal | Refusal | Unknown {
  try {
    return senders.service(name);
  } catch (error) {
    return refusalOf(error);
  }
}

/** Undefined when the service may send events of this format. */
export function refusedPermission(principal: Principal, permission: string): Refusal | undefined {
  if (principal.may(permission)) return undefined;
  const detail = `service "${principal.service}" (role "${principal.role}") lacks ${permission}; see "weir permissions explain ${principal.service} ${permission}"`;
  return { kind: "refusal", code: "forbidden", detail };
}

function mappedService(headers: TextHeaders, mapping: PrincipalMapping): string | undefined {
  if (mapping.header === null) return undefined;
  // one that a producer adds itself does not count: with two, neither can be trusted
  const values = headers.all(mapping.header);
  const principal = values.length === 1 ? headers.text(mapping.header) : undefined;
  if (principal === undefined || !Object.hasOwn(mapping.services, principal)) return undefined;
  return mapping.services[principal];
}

function refusalOf(error: unknown): Refusal | Unknown {
  if (!(error instanceof WeirError)) throw error;
  if (error.code === "unavailable") return { kind: "unknown", detail: error.message };
  return { kind: "refusal", code: error.code, detail: error.message };
}

function unauthenticated(detail: string): Refusal {
  return { kind: "refusal", code: "unauthenticated", detail };
}
