import type { LiveFilter, RawEvent } from "@weir/protocol";

export const filterFields = ["event_type", "source", "user_id", "product_id"] as const;
export type FilterField = (typeof filterFields)[number];
/** Several types and sources, at most one user and one product. */
export type Filter = Readonly<Record<FilterField, readonly string[]>>;

export const emptyFilter: Filter = { event_type: [], source: [], user_id: [], product_id: [] };
const names: Readonly<Record<FilterField, string>> = {
  event_type: "type",
  source: "source",
  user_id: "user",
  product_id: "product",
};
const maxValues = 50;

function isMultiple(field: FilterField): boolean {
  return field === "event_type" || field === "source";
}

export function isEmpty(filter: Filter): boolean {
  return filterFields.every((field) => filter[field].length === 0);
}

/** Adds a value. In a field with a single value it replaces the old one. */
export function addValue(filter: Filter, field: FilterField, value: string): Filter {
  const text = value.trim();
  if (text === "" || filter[field].includes(text)) return filter;
  const values = isMultiple(field) ? [...filter[field], text].slice(0, maxValues) : [text];
  return { ...filter, [field]: values };
}

export function removeValue(filter: Filter, field: FilterField, value: string): Filter {
  return { ...filter, [field]: filter[field].filter((other) => other !== value) };
}

/** Replaces `value` with `next` in the same field: an edited chip. */
export function replaceValue(
  filter: Filter,
  field: FilterField,
  edit: { readonly value: string; readonly next: string },
): Filter {
  const next = edit.next.trim();
  if (next === "") return removeValue(filter, field, edit.value);
  const values = filter[field].map((other) => (other === edit.value ? next : other));
  return { ...filter, [field]: [...new Set(values)] };
}

export function readFilter(query: URLSearchParams): Filter {
  let filter = emptyFilter;
  for (const field of filterFields) {
    for (const value of query.getAll(names[field])) filter = addValue(filter, field, value);
  }
  return filter;
}

export function writeFilter(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  for (const field of filterFields) {
    for (const value of filter[field]) query.append(names[field], value);
  }
  return query;
}

/** The filter of the `subscribe` frame: fields without a value are left out. */
export function frameFilter(filter: Filter): LiveFilter {
  const [user] = filter.user_id;
  const [product] = filter.product_id;
  return {
    ...(filter.event_type.length > 0 ? { event_type: [...filter.event_type] } : {}),
    ...(filter.source.length > 0 ? { source: [...filter.source] } : {}),
    ...(user === undefined ? {} : { user_id: user }),
    ...(product === undefined ? {} : { product_id: product }),
  };
}

/** Whether an event matches. Events sent before the filter changed must be sorted out. */
export function matches(filter: Filter, event: RawEvent): boolean {
  return filterFields.every((field) => {
    const value = event[field];
    return filter[field].length === 0 || (value !== null && filter[field].includes(value));
  });
}
