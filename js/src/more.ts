/**
 * The second part of the page's code: what many readers never open. A notebook gets it when it is first needed (see
 * `parts.ts`), so nothing of the first part may import from here; an exported page carries both.
 */

import { KERNEL } from "./kernel";
import compare from "./styles/compare.css";
import compareHeads from "./styles/compare_heads.css";
import image from "./styles/image.css";
import inputForm from "./styles/input_form.css";
import picker from "./styles/picker.css";
import saving from "./styles/saving.css";
import steps from "./styles/steps.css";
import trace from "./styles/trace.css";
import { InputForm as Form } from "./views/input_form";

export { comparedNow } from "./compare_now";
export { Save } from "./saving/menu";
export { Tiles } from "./tiles";
export { Compare } from "./views/compare";
export { ImagePicture } from "./views/image";
export { Steps } from "./views/steps";
export { Trace } from "./views/trace";

/** Nobody reads another text where there is nobody to ask. */
export const InputForm: typeof Form = KERNEL ? Form : () => null as never;

export const SHEETS = [compare, compareHeads, image, KERNEL ? inputForm : "", saving, steps, picker, trace].join("\n");
