/** The bytes of a picture, decoded without an address: a strict content security policy lets that pass. */

import { useEffect, useState } from "preact/hooks";

export function useBitmap(bytes: Uint8Array | undefined): ImageBitmap | null {
  const [bitmap, put] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    let [over, made]: [boolean, ImageBitmap | undefined] = [false, undefined];
    put(null);
    if (bytes) {
      createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>])).then(
        (decoded) => {
          made = decoded;
          if (over) decoded.close();
          else put(decoded);
        },
        // Patches are shown without the picture.
        () => undefined,
      );
    }
    return () => {
      over = true;
      made?.close();
    };
  }, [bytes]);
  return bitmap;
}
