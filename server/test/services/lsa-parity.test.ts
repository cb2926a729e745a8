/** Vectors of the embedder `lsa` equal scikit-learn's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  coldStartModel,
  createEmbedder,
  fitLsa,
  type ModelFile,
} from "../../src/adapters/embeddings/embedders.ts";
import { pick, type Random, seededRandom } from "../../src/parts/demo/random.ts";
import { parseRetail } from "../../src/parts/demo/uci.ts";
import { needPythonModule, runPython } from "../parity/python.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const english = [
  ...new Set(
    parseRetail(readFileSync(join(root, "data/uci-online-retail-5000.csv"), "utf8")).map(
      ({ description }) => description,
    ),
  ),
];
const turkish = ["turkish-suffixes.csv", "turkish-products.txt"].flatMap((file) =>
  readFileSync(join(root, "testing/quality", file), "utf8")
    .trim()
    .split(/[;\n]/),
);
const odd = [
  "",
  " ",
  "a",
  "I",
  "ı",
  "İ",
  "ab",
  "!?",
  "🎁",
  "🎁🎉 hediye 🎁",
  "👩‍👩‍👧‍👦",
  "ISPARTA ısparta Isparta İSPARTA",
  "İstanbul ISTANBUL istanbul",
  "ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ σς",
  "Straße STRASSE STRAẞE",
  "ﬁne ﬀ ½ ² ①②③ Ⅷ ㎏ ﷺ",
  "Çağrı Şükrü ÖĞÜT İÇECEK",
  "c\u0327ay s\u0327eker",
  "日本語のテキスト 商品 カタカナ ｶﾀｶﾅ",
  "한국어 상품 이름",
  "हिन्दी उत्पाद ไทยสินค้า",
  "العربية مُنتَج עברית",
  "𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 𐐀𐐨 𠮷野家",
  "tab\tnew\nline\u00a0nbsp\u2003em\u200bzero\u2028line\u0085next",
  "snake_case __init__ a-b-c a.b.c 12,5 x 3'lü 100%",
  "x".repeat(5_000),
  "ğ".repeat(1_001),
  `${"kahve ".repeat(2_000)}`,
  "\u0130\u0307\u0131\u0307",
  "\u{10ffff}\ufffe\ufffd\u0001",
];

function makeTexts(count: number, random: Random): string[] {
  const words = [...english, ...turkish].flatMap((name) => name.split(" "));
  const makers: readonly (() => string)[] = [
    () => pick(random, english as [string, ...string[]]),
    () => pick(random, turkish as [string, ...string[]]),
    () => mix(words, " "),
    () => mix([...words, ...odd.slice(0, 24)], pick(random, [" ", ". ", "", "-", "\t"])),
    () => pick(random, turkish as [string, ...string[]]).toLocaleUpperCase("tr"),
    () => Array.from({ length: 1 + random() * 12 }, oddCharacter).join(""),
  ];
  const mix = (from: readonly string[], between: string) =>
    Array.from({ length: 1 + random() * 40 }, () =>
      pick(random, from as [string, ...string[]]),
    ).join(between);
  // from blocks that are old in Unicode: Node and Python may support different versions
  const oddCharacter = () => {
    const [first, size] = pick(random, [
      [0x20, 0x5f],
      [0xa0, 0x1b0],
      [0x370, 0x8f],
      [0x400, 0xff],
      [0x1e00, 0x1ff],
      [0x2000, 0x6f],
      [0x3040, 0xbf],
      [0x1d400, 0xff],
      [0x1f600, 0x4f],
    ]);
    return String.fromCodePoint(first + Math.floor(random() * size));
  };
  return [
    ...odd,
    ...Array.from({ length: count - odd.length }, (_, index) =>
      (makers[index % makers.length] as () => string)(),
    ),
  ];
}

const texts = makeTexts(10_000, seededRandom(3));

before(() => needPythonModule("sklearn"));

async function compare(made: ModelFile, control: readonly string[] = []): Promise<Comparison> {
  const folder = await mkdtemp(join(tmpdir(), "weir-parity-"));
  try {
    const path = join(folder, "model");
    await writeFile(path, made.file);
    const output = await runPython("lsa_reference.py", {
      args: [path, ...control],
      input: texts.map((text) => `${JSON.stringify(text)}\n`).join(""),
    });
    const reference = new Float64Array(
      output.buffer.slice(output.byteOffset, output.byteOffset + output.length),
    );
    const embedder = await createEmbedder({ kind: "lsa", file: made.file });
    return compareVectors(await embedder.embed(texts), reference);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Comparison {
  readonly least: number;
  readonly worst: string;
  readonly empty: number;
}

/** Two zero vectors are equal; a zero vector and another one are maximally distant. */
function compareVectors(vectors: readonly Float32Array[], reference: Float64Array): Comparison {
  let least = 1;
  let worst = "";
  let empty = 0;
  for (const [index, vector] of vectors.entries()) {
    const other = reference.subarray(index * vector.length, (index + 1) * vector.length);
    const [own, its] = [vector, other].map((v) => v.some((entry) => entry !== 0));
    const cosine =
      own || its ? vector.reduce((sum, entry, d) => sum + entry * (other[d] as number), 0) : 1;
    if (!own && !its) empty++;
    // written so that NaN counts as the worst
    if (!(cosine >= least)) {
      least = cosine;
      worst = texts[index] as string;
    }
  }
  return { least, worst, empty };
}

const models = {
  fitted: () => fitLsa([...english, ...turkish], { created: new Date(0) }),
  "cold-start": () => Promise.resolve(coldStartModel(new Date(0))),
} as const;

for (const [name, make] of Object.entries(models)) {
  test(`10,000 texts have scikit-learn's vectors with the ${name} model; with another folding they do not`, async () => {
    const made = await make();
    const { least, worst, empty } = await compare(made);
    assert.ok(least > 0.9999, `cosine ${least} for ${JSON.stringify(worst)}`);
    assert.ok(empty >= 4 && empty < 1_000, `${empty} texts without features`);

    const control = await compare(made, ["--control", "lower"]);
    assert.ok(control.least < 0.9, `the control differs by ${1 - control.least} only`);
  });
}
