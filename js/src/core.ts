/**
 * What the second part of the code uses of the first. The build fills it in (build.mjs), where the two travel apart;
 * everywhere else modules find each other by themselves.
 */
export const core: unknown = undefined;

/** Names the build that both parts must be of. */
export const build = "";
