/** Elements of a batch that a broken or hostile client may send, and the verdict that each must get. */

export interface Hostile {
  readonly name: string;
  /** The element's bytes as they stand in the array. */
  readonly bytes: Buffer;
  readonly verdict: "rejected" | "accepted";
}

const hostile: Hostile[] = [];
const take = (verdict: Hostile["verdict"]) => (name: string, json: string | Buffer) => {
  hostile.push({ name, bytes: Buffer.isBuffer(json) ? json : Buffer.from(json), verdict });
};
const bad = take("rejected");
const odd = take("accepted");
/** An event with some JSON text somewhere in it. */
const inProperties = (text: string) => `{"event_type":"x","properties":{"p":${text}}}`;
const inUser = (text: string) => `{"event_type":"x","user_id":${text}}`;
const bytesIn = (hex: string) =>
  Buffer.concat([
    Buffer.from('{"event_type":"x","properties":{"p":"'),
    Buffer.from(hex, "hex"),
    Buffer.from('"}}'),
  ]);

// NUL and surrogates
bad("NUL in a property", inProperties('"a\\u0000b"'));
bad("NUL in user_id", inUser('"a\\u0000b"'));
bad("NUL alone in event_type", '{"event_type":"\\u0000"}');
bad("NUL in a member's name", '{"event_type":"x","properties":{"a\\u0000":1}}');
bad("NUL as a raw byte", bytesIn("00"));
bad("NUL behind an escaped backslash pair", inProperties('"\\\\\\u0000"'));
odd("an escaped backslash before u0000 is no NUL", inProperties('"\\\\u0000"'));
bad("high surrogate alone", inProperties('"\\ud83d"'));
bad("low surrogate alone", inProperties('"\\ude00"'));
bad("surrogates in the wrong order", inProperties('"\\ude00\\ud83d"'));
bad("two high surrogates", inProperties('"\\ud83d\\ud83d"'));
bad("high surrogate before a letter", inProperties('"\\ud83dx"'));
bad("high surrogate before another escape", inProperties('"\\ud83d\\n"'));
bad("high surrogate at the end of user_id", inUser('"abc\\uD83D"'));
bad("high surrogate in a member's name", '{"event_type":"x","properties":{"\\ud800":1}}');
bad("high surrogate in the event's id", '{"event_type":"x","event_id":"\\udbff"}');
odd("a whole surrogate pair", inProperties('"\\ud83d\\ude00"'));
odd("a pair in capitals", inProperties('"\\uD83D\\uDE00"'));
odd("noncharacter U+FFFF", inProperties('"\\uffff"'));
odd("replacement character", inProperties('"\\ufffd"'));

// UTF-8
bad("a lone continuation byte", bytesIn("80"));
bad("a cut two-byte sequence", bytesIn("c3"));
bad("a cut four-byte sequence", bytesIn("f09f98"));
bad("an overlong slash", bytesIn("c0af"));
bad("an overlong NUL", bytesIn("c080"));
bad("a surrogate in UTF-8", bytesIn("eda0bd"));
bad("a surrogate pair in UTF-8 (CESU-8)", bytesIn("eda0bdedb880"));
bad("beyond U+10FFFF", bytesIn("f4908080"));
bad("byte FE", bytesIn("fe"));
bad("byte FF", bytesIn("ff"));
bad("Latin-1 text", bytesIn("fc626572"));
bad("UTF-16 text", bytesIn("fffe61006200"));
bad("an overlong quote", bytesIn("c0a2"));
odd("a four-byte character", bytesIn("f09f9880"));
odd("a BOM inside a string", bytesIn("efbbbf"));
odd("right-to-left override", bytesIn("e280ae"));

// raw control characters and broken strings
bad("a raw newline", bytesIn("0a"));
bad("a raw tab", bytesIn("09"));
bad("a raw escape", bytesIn("1b"));
bad("a raw backspace between members", '{"event_type":"x",\b"user_id":"u"}');
bad("an unknown escape", inProperties('"\\x41"'));
bad("a short unicode escape", inProperties('"\\u12"'));
bad("an escape that is not hexadecimal", inProperties('"\\u12g4"'));
odd("DEL", bytesIn("7f"));
odd("line separator U+2028", bytesIn("e280a8"));

// depth
const deep = (open: string, close: string, depth: number) =>
  `${open.repeat(depth)}1${close.repeat(depth)}`;
bad("arrays 65 deep in all", inProperties(deep("[", "]", 63)));
odd("arrays 64 deep in all", inProperties(deep("[", "]", 62)));
bad("objects 65 deep in all", inProperties(deep('{"a":', "}", 63)));
bad("arrays 5,000 deep", inProperties(deep("[", "]", 5_000)));
bad("arrays 30,000 deep", inProperties(deep("[", "]", 30_000)));
bad("arrays 200,000 deep", deep("[", "]", 200_000));

// numbers
bad("1e400", inProperties("1e400"));
bad("-1e400", inProperties("-1e400"));
bad("1e200000", inProperties("1e200000"));
bad("1e-400, which vanishes", inProperties("1e-400"));
bad("an exponent of 1,000 digits", inProperties(`1e${"9".repeat(1_000)}`));
bad("a number of 200 digits", inProperties("9".repeat(200)));
bad("a fraction of 10,000 digits", inProperties(`0.${"1".repeat(10_000)}`));
bad("a price of 1e300", '{"event_type":"x","product":{"id":"p","price":1e300}}');
bad("a negative price", '{"event_type":"x","product":{"id":"p","price":-1}}');
bad(
  "price times quantity of 60 digits",
  '{"event_type":"x","product":{"id":"p","price":1e29,"quantity":1e29}}',
);
bad("revenue of 100 digits", `{"event_type":"x","properties":{"revenue":"${"9".repeat(100)}"}}`);
odd("9007199254740993", inProperties("9007199254740993"));
odd(
  "a price that no double holds",
  '{"event_type":"x","product":{"id":"p","price":90071992547409.93}}',
);
odd("minus zero", inProperties("-0"));
odd("zero times ten to the 999", inProperties("0e999"));
bad("NaN", inProperties("NaN"));
bad("Infinity", inProperties("Infinity"));
bad("-Infinity", inProperties("-Infinity"));
bad("hexadecimal", inProperties("0x10"));
bad("a leading zero", inProperties("01"));
bad("a leading plus", inProperties("+1"));
bad("a bare fraction", inProperties(".5"));
bad("a bare point", inProperties("1."));
bad("an empty exponent", inProperties("1e"));
bad("a minus alone", inProperties("-"));

// names
bad("__proto__ at the top", '{"event_type":"x","__proto__":{"admin":true}}');
bad("__proto__ in place of event_type", '{"__proto__":{"event_type":"x"}}');
bad("constructor at the top", '{"event_type":"x","constructor":{"prototype":{}}}');
bad("__proto__ in product", '{"event_type":"x","product":{"id":"p","__proto__":{"price":1}}}');
odd(
  "__proto__ in properties",
  '{"event_type":"x","properties":{"__proto__":{"revenue":5,"admin":true}}}',
);
odd(
  "toString, valueOf and hasOwnProperty in properties",
  '{"event_type":"x","properties":{"toString":1,"valueOf":null,"hasOwnProperty":"x"}}',
);
odd("an empty name", '{"event_type":"x","properties":{"":1}}');
odd("the same name twice", '{"event_type":"y","event_type":"x"}');
bad("an unknown member", '{"event_type":"x","userId":"camel"}');
bad("the server's own member", '{"event_type":"x","source":"another-service"}');

// kinds
for (const text of ["null", "true", "0", '"event"', "[]", "{}", "[[]]", '[{"event_type":"x"}]']) {
  bad(`the element ${text}`, text);
}
bad("event_type null", '{"event_type":null}');
bad("event_type a number", '{"event_type":1}');
bad("event_type empty", '{"event_type":""}');
bad("event_type of 129 characters", `{"event_type":"${"x".repeat(129)}"}`);
bad("event_type with a newline", '{"event_type":"a\\nb"}');
bad("event_type with a C1 control", '{"event_type":"a\\u0085b"}');
odd("event_type of 128 emoji", `{"event_type":"${"😀".repeat(128)}"}`);
bad("user_id a number", inUser("1"));
bad("user_id an object", inUser("{}"));
bad("user_id empty", inUser('""'));
bad("user_id of 257 characters", inUser(`"${"u".repeat(257)}"`));
bad("event_id of 129 characters", `{"event_type":"x","event_id":"${"i".repeat(129)}"}`);
bad("event_id a number", '{"event_type":"x","event_id":7}');
bad("properties an array", '{"event_type":"x","properties":[]}');
bad("properties a string", '{"event_type":"x","properties":"{}"}');
bad("product without id", '{"event_type":"x","product":{"price":1}}');
bad("product's price a string", '{"event_type":"x","product":{"id":"p","price":"1"}}');
bad("currency in small letters", '{"event_type":"x","product":{"id":"p","currency":"try"}}');

// time
for (const text of [
  "now",
  "infinity",
  "2024-02-30T00:00:00Z",
  "2024-01-15 10:30:00Z",
  "2024-01-15T10:30:00",
  "1969-12-31T23:59:59Z",
  "9999-12-31T23:59:59Z",
  "+010000-01-01T00:00:00Z",
  "0000-00-00T00:00:00Z",
]) {
  bad(`timestamp ${text}`, `{"event_type":"x","timestamp":"${text}"}`);
}
bad("timestamp a number", '{"event_type":"x","timestamp":1705314600}');

// size
bad("more than 64 KiB", inProperties(`"${"x".repeat(70_000)}"`));
bad(
  "1,001 members",
  `{"event_type":"x","properties":{${Array.from({ length: 1_000 }, (_, n) => `"k${n}":1`).join(",")}}}`,
);
odd(
  "998 properties",
  `{"event_type":"x","properties":{${Array.from({ length: 998 }, (_, n) => `"k${n}":1`).join(",")}}}`,
);

// broken inside, with brackets and quotes that close
bad("a trailing comma", '{"event_type":"x",}');
bad("a missing comma", '{"event_type":"x" "user_id":"u"}');
bad("a missing colon", '{"event_type" "x"}');
bad("a missing value", '{"event_type":}');
bad("single quotes", "{'event_type':'x'}");
bad("a comment", '{"event_type":"x"/* hello */}');
bad("a bare word", "{event_type:x}");
bad("a word", "event");
bad("JavaScript", '{"event_type":"x","properties":{"f":undefined}}');
bad("a raw line break between words", '{"event_type":tr\nue}');

// words of SQL and scripts are words
odd("SQL", inUser(`"'; drop table raw.events; --"`));
odd("PostgreSQL array text", inUser('"{1,2,NULL}"'));
odd("COPY's end mark", inProperties('"\\\\."'));
odd("a format string", inUser('"%s%n$1"'));
odd("markup", '{"event_type":"<script>alert(1)</script>"}');

export const hostilePayloads: readonly Hostile[] = hostile;
