/** What JSX becomes calls of; build.mjs puts it into every module. */

export { Fragment, h } from "preact";
