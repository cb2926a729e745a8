/** Answers of the auth routes; the command line prints the same. */
import {
  type Infer,
  instantExpects,
  instantPattern,
  keyIdPattern,
  namePattern,
  schema as s,
} from "@weir/protocol";

const instant = s.string({ format: "date-time" });

/** What callers send: names, ids, patterns, instants. */
export const serviceName = s.string({
  pattern: namePattern,
  "x-expects": "a name of a-z, 0-9 and -, which starts with a letter, at most 63 characters",
  examples: ["checkout"],
});
export const roleNameSchema = s.string({
  pattern: namePattern,
  "x-expects": "a name of a-z, 0-9 and -, which starts with a letter, at most 63 characters",
  examples: ["service"],
});
export const keyId = s.string({
  pattern: keyIdPattern,
  "x-expects": "the id of a key: 12 characters, between the underscores of the key",
});
/** `demandPattern` refuses what is no pattern, with the nearest known permission. */
export const permissionPatternSchema = s.string({
  minLength: 1,
  maxLength: 200,
  "x-permissions": true,
});
export const instantSchema = s.string({
  pattern: instantPattern,
  format: "date-time",
  "x-expects": instantExpects,
});

export const serviceSchema = s.object(
  {
    name: s.string(),
    role: s.string(),
    disabled: s.boolean(),
    extra: s.array(s.string(), { description: "Permissions added to those of the role." }),
    revoked: s.array(s.string(), {
      description: "Permissions denied, whatever else grants them.",
    }),
    usable_keys: s.integer(),
    created_at: instant,
    disabled_at: s.nullable(instant),
  },
  { $id: "Service" },
);
export type Service = Infer<typeof serviceSchema>;

const keyMembers = {
  id: s.string({ description: "The public part of the key; the secret is not stored." }),
  display: s.string({ examples: ["weir_dev_k4m2p9x7q3rt_…"] }),
  env: s.string(),
  service: s.string(),
  label: s.string(),
  state: s.oneOf(["usable", "expired", "revoked", "service_disabled"]),
  created_at: instant,
  expires_at: s.nullable(instant),
  revoked_at: s.nullable(instant),
  last_used_at: s.nullable(instant),
};
export const keySchema = s.object(keyMembers, { $id: "Key" });
export type Key = Infer<typeof keySchema>;

export const newKeySchema = s.object(
  {
    ...keyMembers,
    secret_key: s.string({ description: "The complete key. It is shown only once." }),
  },
  { $id: "NewKey" },
);
export type NewKey = Infer<typeof newKeySchema>;

export const roleSchema = s.object(
  {
    name: s.string(),
    description: s.string(),
    permissions: s.array(s.string()),
    source: s.oneOf(["file", "api"], {
      description:
        "`file`: follows its policy file. `api`: changed at run time, until it is reset.",
    }),
    services: s.integer({ description: "Number of services with this role." }),
    updated_at: instant,
  },
  { $id: "Role" },
);
export type Role = Infer<typeof roleSchema>;

export const permissionChangeSchema = s.object(
  {
    service: serviceName,
    permission: permissionPatternSchema,
    kind: s.oneOf(["extra", "revoked"]),
  },
  {
    $id: "PermissionChange",
    examples: [{ service: "checkout", permission: "analytics.get.*", kind: "extra" }],
  },
);
export type PermissionChange = Infer<typeof permissionChangeSchema>;

export const explanationSchema = s.object(
  {
    service: s.string(),
    role: s.string(),
    permission: s.string(),
    allowed: s.boolean(),
    rule: s.object({
      kind: s.oneOf(["revoked", "extra", "role", "none"]),
      pattern: s.nullable(s.string()),
    }),
    because: s.string({ examples: ['role "analyst" has "analytics.get.*"'] }),
    notes: s.array(s.string(), {
      description: "Other obstacles, such as a disabled service or a mistyped name.",
    }),
  },
  { $id: "Explanation" },
);
export type Explanation = Infer<typeof explanationSchema>;

export const auditPageSchema = s.object(
  {
    entries: s.array(
      s.object({
        id: s.string(),
        at: instant,
        actor: s.string(),
        action: s.string(),
        subject: s.string(),
        detail: s.record(s.unknown()),
      }),
    ),
    next_cursor: s.nullable(s.string()),
  },
  { $id: "AuditPage" },
);
export type AuditPage = Infer<typeof auditPageSchema>;
