/** Whether there may be somebody to ask: an exported page has no kernel, and is built without what needs one. */

declare const ATTNWIDGET_KERNEL: boolean | undefined;

export const KERNEL: boolean = typeof ATTNWIDGET_KERNEL === "undefined" || ATTNWIDGET_KERNEL === true;
