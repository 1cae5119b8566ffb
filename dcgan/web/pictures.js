// @ts-check
/**
 * Images on canvases: hard pixels, enlarged by whole factors only.
 */

export const MOST_STRIP = 4;
/** The largest factor of a strip's images. */

/**
 * Return images as one picture.
 * @param {Uint8Array} images (N, H, W, C)
 * @param {number} size H and W
 * @param {number} channels
 * @param {number} columns
 */
export function sheet(images, size, channels, columns) {
  const count = images.length / (size * size * channels);
  const rows = Math.ceil(count / columns);
  const picture = new ImageData(columns * size, rows * size);
  const opaque = new Uint32Array(picture.data.buffer);
  opaque.fill(new Uint32Array(new Uint8Array([0, 0, 0, 255]).buffer)[0]);
  for (let image = 0; image < count; image += 1) {
    const left = (image % columns) * size;
    const top = Math.floor(image / columns) * size;
    for (let pixel = 0; pixel < size * size; pixel += 1) {
      const from = (image * size * size + pixel) * channels;
      const to = 4 * ((top + Math.floor(pixel / size)) * picture.width + left + (pixel % size));
      for (let channel = 0; channel < 3; channel += 1) {
        picture.data[to + channel] = images[from + (channels === 3 ? channel : 0)];
      }
    }
  }
  return picture;
}

/**
 * Draw a picture on a canvas, and enlarge the canvas by the largest whole factor that fits the width. A picture that is
 * wider is made smaller.
 * @param {HTMLCanvasElement} canvas
 * @param {ImageData} picture
 * @param {number} room in CSS pixels
 * @param {number} [most] the largest factor
 */
export function show(canvas, picture, room, most = 20) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  context(canvas).putImageData(picture, 0, 0);
  const fitting = Math.min(most, Math.floor(room / picture.width));
  const factor = fitting >= 1 ? fitting : room / picture.width;
  canvas.style.imageRendering = factor < 1 ? "auto" : "pixelated";
  canvas.style.width = `${factor * picture.width}px`;
  canvas.style.height = `${factor * picture.height}px`;
}

/** @param {HTMLCanvasElement} canvas */
export function context(canvas) {
  const result = canvas.getContext("2d");
  if (!result) throw new Error("this browser draws no canvas");
  return result;
}

/**
 * Return the columns of a strip: 16, 8 or 4, whichever fills most of the width with enlarged images, or as many as fit.
 * @param {number} count of images
 * @param {number} size
 * @param {number} room in CSS pixels
 */
export function stripColumns(count, size, room) {
  const factor = (/** @type {number} */ columns) => Math.min(MOST_STRIP, Math.floor(room / (columns * size)));
  const width = (/** @type {number} */ columns) => columns * size * factor(columns);
  const options = [16, 8, 4].filter((columns) => factor(columns) > 1);
  // Images that are wider than the room are made smaller, so that four of them fit.
  if (!options.length) return Math.min(count, size > room ? 4 : Math.max(1, Math.min(16, Math.floor(room / size))));
  return Math.min(count, options.reduce((best, columns) => (width(columns) > width(best) ? columns : best)));
}

/**
 * Enlarge (H, W, C) bytes by repeating pixels.
 * @param {Uint8Array} image
 * @param {number} size H and W
 * @param {number} channels
 * @param {number} factor
 */
export function enlarged(image, size, channels, factor) {
  const side = size * factor;
  const result = new Uint8Array(side * side * channels);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const from = (Math.floor(y / factor) * size + Math.floor(x / factor)) * channels;
      for (let channel = 0; channel < channels; channel += 1) {
        result[(y * side + x) * channels + channel] = image[from + channel];
      }
    }
  }
  return result;
}

/**
 * Offer bytes as a file to save.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
