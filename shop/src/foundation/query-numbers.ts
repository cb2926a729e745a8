import type { FastifyRequest, FastifySchema } from "fastify";

/**
 * A hook that makes numbers of the query's members whose schema says `integer`. Ajv's own conversion is
 * off, because it would also turn a body's null into 0 and "3" into 3.
 */
export function convertQuery(
  schema: FastifySchema | undefined,
): ((request: FastifyRequest) => Promise<void>) | undefined {
  const { properties = {} } = (schema?.querystring ?? {}) as {
    readonly properties?: Readonly<Record<string, { readonly type?: string }>>;
  };
  const integers = Object.keys(properties).filter((name) => properties[name]?.type === "integer");
  if (integers.length === 0) return undefined;
  return async (request) => {
    const query = request.query as Record<string, unknown>;
    for (const name of integers) {
      const value = query[name];
      if (typeof value === "string" && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
    }
  };
}
