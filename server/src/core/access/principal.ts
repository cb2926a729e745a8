/** The authenticated caller: always a service, by one of its keys, a browser session of a key, or a broker's principal. */
export interface Principal {
  readonly serviceId: number;
  readonly service: string;
  readonly role: string;
  readonly keyId: string;
  readonly via: "key" | "session" | "broker";
  /** Microseconds: compiled and cached. `permission` is `<app>.<http_method>.<view_name>`. */
  may(permission: string): boolean;
}
