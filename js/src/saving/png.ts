/** A picture as PNG, twice the size: the vector picture, drawn by the browser. */

const SCALE = 2;
/** Browsers refuse larger canvases. */
const MOST_PIXELS = 1.2e8;

export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image();
  // A data address, which pages with a strict policy allow for pictures; a blob's they need not.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const scale = Math.min(SCALE, Math.sqrt(MOST_PIXELS / (image.width * image.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser could not draw it"))), "image/png");
  });
}
