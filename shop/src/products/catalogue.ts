import type { Database, Queryable } from "../foundation/database.ts";
import { Problem, problemKinds } from "../foundation/problems.ts";
import {
  type Product,
  type ProductRow,
  productColumns,
  toProduct,
  type VersionedProduct,
} from "./product.ts";

export interface NewProduct {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly category: string;
  readonly price: string;
  readonly currency: string;
  readonly stock?: number;
}

export type ProductChange = Partial<Omit<NewProduct, "id">>;

const productExists = { code: "product_exists", status: 409, title: "The product exists" } as const;

/** A product, or the version at which it was removed (0: never known). */
export async function findProduct(
  database: Queryable,
  id: string,
): Promise<VersionedProduct | { readonly product: null; readonly version: number }> {
  const [row] = await database.query<ProductRow & { readonly deleted: boolean }>(
    `select ${productColumns}, p.deleted_at is not null as deleted from products p where p.id = $1`,
    [id],
  );
  if (row === undefined) return { product: null, version: 0 };
  const version = Number(row.version);
  return row.deleted ? { product: null, version } : { product: toProduct(row), version };
}

/** Adds a product; an id that was removed is used again. @throws Problem `product_exists` */
export async function addProduct(database: Database, added: NewProduct): Promise<VersionedProduct> {
  const { id, name, description = "", category, price, currency, stock = 0 } = added;
  const values = [id, name, description, category, price, currency, stock];
  return database.transaction(async (connection) => {
    const inserted = await connection.query(
      `insert into products (id, name, description, category, price, currency, stock)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing returning id`,
      values,
    );
    if (inserted.length === 0) {
      if (!(await lockProduct(connection, id, "removed"))) {
        throw new Problem(productExists, `There is a product ${id} already.`);
      }
      await connection.query(
        `update products set
           name = $2, description = $3, category = $4, price = $5, currency = $6,
           stock = $7 + (select coalesce(sum(quantity), 0) from holds where product_id = $1),
           version = nextval('product_versions'), created_at = now(), updated_at = now(),
           deleted_at = null
         where id = $1`,
        values,
      );
    }
    return existing(await findProduct(connection, id), id);
  });
}

/**
 * Changes the named members. `stock` is what can be bought from now on: what is held for orders is kept
 * besides. @throws Problem `not_found`
 */
export async function changeProduct(
  database: Database,
  id: string,
  change: ProductChange,
): Promise<VersionedProduct> {
  return database.transaction(async (connection) => {
    if (!(await lockProduct(connection, id, "offered"))) throw notFound(id);
    await connection.query(
      `update products set
         name = coalesce($2, name), description = coalesce($3, description),
         category = coalesce($4, category), price = coalesce($5, price),
         currency = coalesce($6, currency),
         stock = coalesce($7 + (select coalesce(sum(quantity), 0) from holds where product_id = $1), stock),
         version = nextval('product_versions'), updated_at = now()
       where id = $1`,
      [
        id,
        change.name,
        change.description,
        change.category,
        change.price,
        change.currency,
        change.stock,
      ],
    );
    return existing(await findProduct(connection, id), id);
  });
}

/** Removes a product from the catalogue; orders that hold it keep it. Returns the version. @throws Problem `not_found` */
export async function removeProduct(database: Database, id: string): Promise<number> {
  const [row] = await database.query<{ readonly version: string }>(
    `update products set deleted_at = now(), version = nextval('product_versions'), updated_at = now()
     where id = $1 and deleted_at is null returning version`,
    [id],
  );
  if (row === undefined) throw notFound(id);
  return Number(row.version);
}

export async function listCategories(
  database: Queryable,
): Promise<{ readonly name: string; readonly products: number }[]> {
  return database.query(
    `select category as name, count(*)::int as products from products
     where deleted_at is null group by category order by category`,
  );
}

/** Whether the product is in that state; then no other transaction changes it or its holds. */
async function lockProduct(
  connection: Queryable,
  id: string,
  state: "offered" | "removed",
): Promise<boolean> {
  const rows = await connection.query(
    `select from products where id = $1 and (deleted_at is null) = $2 for no key update`,
    [id, state === "offered"],
  );
  return rows.length > 0;
}

export function notFound(id: string): Problem {
  return new Problem(problemKinds.not_found, `There is no product ${id}.`);
}

function existing(
  found: { readonly product: Product | null; readonly version: number },
  id: string,
): VersionedProduct {
  if (found.product === null) throw notFound(id);
  return { product: found.product, version: found.version };
}
