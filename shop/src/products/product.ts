/** A product as the API shows it. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  /** Decimal, two digits: `"2.95"`. */
  readonly price: string;
  readonly currency: string;
  /** What can be bought now: on hand minus what is held for orders. */
  readonly stock: number;
  readonly updated_at: string;
}

/** Below it, a product counts as nearly sold out. */
export const lowStock = 10;

/** `version` grows with each change of the product or its stock. */
export interface VersionedProduct {
  readonly product: Product;
  readonly version: number;
}

export interface ProductRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: string;
  readonly currency: string;
  readonly available: number;
  readonly updated_at: Date;
  readonly version: string;
}

/** Columns of a `ProductRow`, from `products p`. */
export const productColumns = `
  p.id, p.name, p.description, p.category, p.price, p.currency, p.updated_at, p.version,
  greatest(0, p.stock - coalesce((
    select sum(h.quantity) from holds h
    where h.product_id = p.id and h.expires_at > clock_timestamp()
  ), 0))::int as available`;

export function toProduct(row: ProductRow): Product {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    category: row.category,
    price: row.price,
    currency: row.currency,
    stock: row.available,
    updated_at: row.updated_at.toISOString(),
  };
}
