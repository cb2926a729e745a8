import type { IncomingMessage, ServerResponse } from "node:http";
import { WeirError } from "../../core/errors.ts";
import { BodyChunks } from "./body-chunks.ts";
import type { ByteBudget, Share } from "./byte-budget.ts";
import { bodiesOverloaded, codingOf, decodeBody, tooLarge } from "./decode-body.ts";

/** The memory for bodies that are arriving or being decoded. */
export interface BodyBudgets {
  /** Of senders whose key is valid. */
  readonly known: ByteBudget;
  /** Of everybody else. */
  readonly unknown: ByteBudget;
}

export interface BodyRules {
  /** Maximum bytes, before and after decoding. */
  readonly limit: number;
  readonly budgets: BodyBudgets;
  /** Set while the sender is not known. */
  readonly unknownSender?: {
    /** Maximum bytes until the sender is known, before and after decoding. */
    readonly limit: number;
    /**
     * Asked once, with the first `unknownBodyBytes` of a body that is longer: whether they hold a valid key.
     * From then on the sender is known.
     */
    readonly vouch?: (start: Buffer) => boolean | Promise<boolean>;
  };
}

/** Bytes of a body that anyone may send: without a valid key it is refused beyond them. */
export const unknownBodyBytes = 65_536;
/** What a body of a known sender holds without taking from the budget; most events are smaller. */
const freeBytes = 65_536;
/** After a refusal the rest of a body is read and dropped up to here, so that its sender reads the answer. */
const mostDropped = 16 * 1024 * 1024;

/** Why a body cannot be read to its end, noted by the connection before anyone reads it. */
const failures = new WeakMap<IncomingMessage, WeirError>();

/** Ends the reading of a request's body with `error`, now or when it starts. */
export function failBody(request: IncomingMessage, error: WeirError): void {
  failures.set(request, error);
  if (request.listenerCount("error") > 0) request.emit("error", error);
}

/**
 * Reads and decodes a whole request body. Asks the sender for it first if the request says
 * `Expect: 100-continue`: only here is it known that the body is wanted.
 *
 * @throws WeirError `too_large`, `overloaded`, `unsupported_media_type` (unknown encoding),
 *   `malformed_request` (the compressed bytes are invalid or the client disconnected), `request_timeout`
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  rules: BodyRules,
): Promise<Buffer> {
  const { headers } = request;
  const coding = codingOf(headers["content-encoding"]);
  const length = headers["content-length"];
  const isSmall = length !== undefined && Number(length) <= Math.min(freeBytes, rules.limit);
  const isPlain = coding === undefined && headers.expect === undefined;
  if (isSmall && isPlain && rules.unknownSender === undefined && !failures.has(request)) {
    return readSmall(request);
  }
  const decode: Decode | undefined =
    coding && ((bytes, limit, share) => decodeBody(bytes, coding, { limit, share }));
  const reader = new BodyReader(request, rules, decode);
  const refusal = failures.get(request) ?? reader.refusal();
  if (refusal !== undefined) throw refusal;
  if (headers.expect !== undefined && request.httpVersionMinor === 1) {
    response.writeContinue();
  }
  return reader.read();
}

/** What most requests need of all that `BodyReader` does, in a third of its time. */
function readSmall(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let chunks: BodyChunks | undefined;
    request.on("data", (chunk: Buffer) => {
      if (first === undefined) {
        first = chunk;
        return;
      }
      if (chunks === undefined) {
        chunks = new BodyChunks();
        chunks.add(first);
      }
      chunks.add(chunk);
    });
    request.on("end", () => resolve(chunks?.whole() ?? first ?? Buffer.alloc(0)));
    request.on("error", (error) => reject(error instanceof WeirError ? error : cutOff()));
    request.on("close", () => {
      if (!request.complete) reject(cutOff());
    });
  });
}

type Decode = (bytes: Buffer, limit: number, share: Share) => Promise<Buffer>;

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #rules: BodyRules;
  readonly #chunks = new BodyChunks();
  readonly #result = Promise.withResolvers<Buffer>();
  readonly #decode: Decode | undefined;
  #isSettled = false;
  #isKnown: boolean;
  /** Whether the sender can still become known. */
  #mayAsk: boolean;
  #share: Share | undefined;
  #dropped = 0;

  constructor(request: IncomingMessage, rules: BodyRules, decode: Decode | undefined) {
    this.#request = request;
    this.#rules = rules;
    this.#decode = decode;
    this.#isKnown = rules.unknownSender === undefined;
    // in a compressed body a key could only be found after decoding
    this.#mayAsk = rules.unknownSender?.vouch !== undefined && decode === undefined;
  }

  /** Why the body is not read at all. */
  refusal(): WeirError | undefined {
    return this.#declared() > this.#limit() ? this.#tooLarge() : undefined;
  }

  read(): Promise<Buffer> {
    const request = this.#request;
    request.on("data", (chunk: Buffer) => this.#take(chunk));
    request.on("end", () => this.#end());
    request.on("error", (error) => this.#fail(error instanceof WeirError ? error : cutOff()));
    request.on("close", () => {
      if (!request.complete) this.#fail(cutOff());
    });
    return this.#result.promise;
  }

  #declared(): number {
    return Number(this.#request.headers["content-length"] ?? 0);
  }

  #limit(): number {
    const { limit, unknownSender } = this.#rules;
    if (this.#isKnown || this.#mayAsk || unknownSender === undefined) return limit;
    return Math.min(limit, unknownSender.limit);
  }

  #take(chunk: Buffer): void {
    if (this.#isSettled) {
      this.#dropped += chunk.length;
      if (this.#dropped > mostDropped) this.#request.socket.destroy();
      return;
    }
    this.#chunks.add(chunk);
    if (this.#chunks.size > this.#limit()) this.#fail(this.#tooLarge());
    else if (!this.#charge(chunk.length)) this.#fail(this.#overloaded());
    else if (this.#mayAsk && this.#chunks.size > unknownBodyBytes) this.#ask();
  }

  #charge(bytes: number): boolean {
    if (this.#isKnown && this.#chunks.size <= freeBytes) return true;
    return this.#openShare().grow(bytes);
  }

  #openShare(): Share {
    const { known, unknown } = this.#rules.budgets;
    this.#share ??= this.#isKnown
      ? known.open()
      : unknown.open(() => this.#fail(this.#overloaded()));
    return this.#share;
  }

  #ask(): void {
    this.#mayAsk = false;
    const vouched = this.#rules.unknownSender?.vouch?.(this.#chunks.whole()) ?? false;
    if (vouched instanceof Promise) void vouched.then((known) => this.#decide(known));
    else this.#decide(vouched);
  }

  #decide(isKnown: boolean): void {
    if (this.#isSettled) return;
    if (isKnown) {
      this.#isKnown = true;
      this.#share?.release();
      this.#share = undefined;
      if (!this.#openShare().grow(this.#chunks.size)) this.#fail(this.#overloaded());
    } else if (Math.max(this.#declared(), this.#chunks.size) > this.#limit()) {
      this.#fail(this.#tooLarge());
    }
  }

  #end(): void {
    if (this.#isSettled) return;
    const bytes = this.#chunks.whole();
    if (this.#decode === undefined) {
      this.#settle();
      this.#result.resolve(bytes);
      return;
    }
    this.#decode(bytes, this.#limit(), this.#openShare()).then(
      (decoded) => {
        this.#settle();
        this.#result.resolve(decoded);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#chunks.clear();
    this.#result.reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#share?.release();
  }

  #tooLarge(): WeirError {
    const limit = this.#limit();
    return this.#isKnown || limit === this.#rules.limit ? tooLarge(limit) : unknownTooLarge(limit);
  }

  #overloaded(): WeirError {
    return this.#isKnown ? bodiesOverloaded() : unknownOverloaded();
  }
}

function unknownTooLarge(limit: number): WeirError {
  return new WeirError("too_large", {
    detail: `a body whose key is not known yet may have at most ${limit} bytes; send the key in the X-API-Key header`,
  });
}

function unknownOverloaded(): WeirError {
  return new WeirError("overloaded", {
    detail:
      "too many bodies without a key in a header are arriving at once; send the key in the X-API-Key header",
    retryAfterSeconds: 1,
  });
}

function cutOff(): WeirError {
  return new WeirError("malformed_request", { detail: "the body ended before it was complete" });
}
