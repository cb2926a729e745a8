/** What the generator's shop sells: the same products for the same seed. */
import type { Product } from "@weir/protocol";
import { pick, randomBytes, seededRandom } from "../random.ts";

const shelves = {
  Electronics: ["Headphones", "Keyboard", "Monitor", "Power Bank", "Webcam"],
  Clothing: ["Jacket", "Sneakers", "T-Shirt", "Scarf", "Jeans"],
  Home: ["Desk Lamp", "Coffee Maker", "Cushion", "Bookshelf", "Rug"],
  Books: ["Novel", "Cookbook", "Atlas", "Biography", "Notebook"],
  Sports: ["Yoga Mat", "Dumbbell", "Backpack", "Water Bottle", "Tent"],
  Beauty: ["Face Cream", "Shampoo", "Perfume", "Lip Balm", "Hair Dryer"],
  Toys: ["Puzzle", "Building Blocks", "Board Game", "Kite", "Plush Bear"],
} as const;
const qualities = ["Classic", "Compact", "Premium", "Everyday", "Wireless", "Handmade"] as const;
const colours = ["black", "white", "blue", "green", "red", "sand"] as const;
const promises = [
  "ships within two days",
  "comes with a two-year warranty",
  "made of recycled material",
  "loved by our customers",
] as const;

const variants = 12;

/** Names are repeated within a shelf, ids are not; about 420 products. */
export function stockAssortment(seed: number): readonly [Product, ...Product[]] {
  const random = seededRandom(Math.imul(seed, 0x85ebca6b) ^ 0x5bd1e995);
  const products: Product[] = [];
  for (const [category, nouns] of Object.entries(shelves)) {
    for (const noun of nouns) {
      for (let variant = 0; variant < variants; variant++) {
        const quality = pick(random, qualities);
        const colour = pick(random, colours);
        products.push({
          id: uuidV4(randomBytes(random, 16)),
          name: `${quality} ${noun}`,
          description: `${quality} ${noun.toLowerCase()} in ${colour} from our ${category.toLowerCase()} range; ${pick(random, promises)}.`,
          category,
          price: Math.round(10 ** (1 + random() * 2.2) * 100) / 100,
          currency: "TRY",
        });
      }
    }
  }
  return products as [Product, ...Product[]];
}

function uuidV4(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
