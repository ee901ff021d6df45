/**
 * The second part of the page's code: what many readers never open. A notebook gets it when it is first needed (see
 * `parts.ts`), so nothing of the first part may import from here; an exported page carries both.
 */

import compare from "./styles/compare.css";
import compareHeads from "./styles/compare_heads.css";
import image from "./styles/image.css";
import saving from "./styles/saving.css";
import steps from "./styles/steps.css";
import trace from "./styles/trace.css";

export { comparedNow } from "./compare_now";
export { Save } from "./saving/menu";
export { Compare } from "./views/compare";
export { ImagePicture } from "./views/image";
export { Steps } from "./views/steps";
export { Trace } from "./views/trace";

export const SHEETS = [compare, compareHeads, image, saving, steps, trace].join("\n");
