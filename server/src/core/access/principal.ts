/** Who is asking: always a service, reached by one of its keys or a browser session of a key. */
export interface Principal {
  readonly serviceId: number;
  readonly service: string;
  readonly role: string;
  readonly keyId: string;
  readonly via: "key" | "session";
  /** Microseconds: compiled and cached. `permission` is `<app>.<http_method>.<view_name>`. */
  may(permission: string): boolean;
}
