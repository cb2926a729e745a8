/** As in `etl.event_type_actions`. */
export const actionCodes = { view: 1, cart: 2, purchase: 3 } as const;
