/** Characters of a path parameter; the longest ids are those of users, 266. */
export const maxParameterLength = 512;
