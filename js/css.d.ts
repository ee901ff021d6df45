// build.mjs loads style sheets as text; vitest.config.ts does the same.
declare module "*.css" {
  const text: string;
  export default text;
}
