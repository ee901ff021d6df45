import { FINE } from "../print";

/** A canvas sized in CSS pixels and sharp on the screen, or the paper, that it is on: that `on` is on. */
export function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  on = canvas,
): CanvasRenderingContext2D | null {
  const ratio = on.closest("[data-paper]") ? FINE : Math.min(globalThis.devicePixelRatio || 1, FINE);
  const pixels = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))] as const;
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

export type Paint = (context: CanvasRenderingContext2D) => void;

const paints = new WeakMap<HTMLCanvasElement, Paint>();

/** Paints a canvas, and keeps how: to be saved as vectors it is painted again. */
export function paintOn(canvas: HTMLCanvasElement, width: number, height: number, paint: Paint): void {
  paints.set(canvas, paint);
  const context = prepare(canvas, width, height);
  if (context) paint(context);
}

export function paintOf(canvas: HTMLCanvasElement): Paint | undefined {
  return paints.get(canvas);
}
