/** Style sheets are imported for their effect; the bundler, not the type checker, knows them. */
declare module "*.css";
