import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { trustedProxies } from "./client-address.ts";

function from(peer: string, headers: Readonly<Record<string, string>> = {}): IncomingMessage {
  return { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
}
const forwarded = (text: string) => ({ "x-forwarded-for": text });
const repeatId = "0123456789abcdef0123456789abcdef";

test("without trusted proxies, headers say nothing about the client", () => {
  const none = trustedProxies([]);
  const request = from("10.0.0.9", { ...forwarded("1.2.3.4"), "weir-request-id": repeatId });
  assert.equal(none.addressOf(request), "10.0.0.9");
  assert.equal(none.repeatIdOf(request), undefined);
});

test("the client is the last address that no trusted proxy has", () => {
  const proxies = trustedProxies(["10.0.0.9", "172.16.0.0/12", "fd00::/8"]);
  const cases: readonly (readonly [peer: string, header: string, client: string])[] = [
    ["10.0.0.9", "1.2.3.4", "1.2.3.4"],
    // what the client claimed stands before what the proxy added
    ["10.0.0.9", "6.6.6.6, 1.2.3.4", "1.2.3.4"],
    ["10.0.0.9", "6.6.6.6, 1.2.3.4, 172.20.1.1", "1.2.3.4"],
    ["::ffff:10.0.0.9", "1.2.3.4", "1.2.3.4"],
    ["fd00::1", "2001:db8::1", "2001:db8::1"],
    ["10.0.0.9", "172.20.1.1", "172.20.1.1"],
    // no other address is believed
    ["10.0.0.8", "1.2.3.4", "10.0.0.8"],
    ["1.2.3.4", "10.0.0.9", "1.2.3.4"],
    // no address at all
    ["10.0.0.9", "", "10.0.0.9"],
    ["10.0.0.9", "unknown", "10.0.0.9"],
    ["10.0.0.9", "1.2.3.4, <script>", "10.0.0.9"],
    ["10.0.0.9", "1.2.3.4, 172.20.1.1:80", "10.0.0.9"],
  ];
  for (const [peer, header, client] of cases) {
    assert.equal(proxies.addressOf(from(peer, forwarded(header))), client, `${peer} <- ${header}`);
  }
  assert.equal(proxies.addressOf(from("10.0.0.9")), "10.0.0.9");
});

test("only a trusted proxy names a request, in the one form", () => {
  const proxies = trustedProxies(["10.0.0.9/32"]);
  const idOf = (peer: string, id: string) =>
    proxies.repeatIdOf(from(peer, { "weir-request-id": id }));
  assert.equal(idOf("10.0.0.9", repeatId), repeatId);
  assert.equal(idOf("10.0.0.8", repeatId), undefined);
  for (const id of ["", "1", `${repeatId}0`, repeatId.toUpperCase(), `${repeatId}, ${repeatId}`]) {
    assert.equal(idOf("10.0.0.9", id), undefined, id);
  }
});

test("a range that is none is refused at the start", () => {
  for (const range of ["proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", ""]) {
    assert.throws(() => trustedProxies([range]), /neither an address nor a CIDR range/, range);
  }
});
