// An 8-bit grey PNG, written in bands: a canvas of a large photo's size would freeze the page, or not exist on a phone.

const SIGNATURE = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
const BAND = 2 ** 20; // pixels between two breaths of the page
const UP = 2; // filter: each row as its difference from the one above, nearly all 0 for a mask

/** `row(y, into)` fills in the pixels of one row. Resolves to the file as a blob. */
export async function greyPng({ width, height }, row) {
  const deflate = new CompressionStream("deflate");
  const packed = new Response(deflate.readable).arrayBuffer();
  const writer = deflate.writable.getWriter();
  const rows = Math.max(1, Math.floor(BAND / width));
  let above = new Uint8Array(width);
  let here = new Uint8Array(width);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const band = new Uint8Array(count * (width + 1));
    for (let index = 0; index < count; index += 1) {
      row(top + index, here);
      const start = index * (width + 1);
      band[start] = UP;
      for (let x = 0; x < width; x += 1) band[start + 1 + x] = here[x] - above[x];
      [above, here] = [here, above];
    }
    await writer.write(band);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await writer.close();
  const data = new Uint8Array(await packed);
  return new Blob([SIGNATURE, chunk("IHDR", header(width, height)), chunk("IDAT", data), chunk("IEND", new Uint8Array())], {
    type: "image/png",
  });
}

/** Width and height of a PNG. */
export async function sizeOfPng(blob) {
  const view = new DataView(await blob.slice(16, 24).arrayBuffer());
  return { width: view.getUint32(0), height: view.getUint32(4) };
}

function header(width, height) {
  const bytes = new Uint8Array(13); // the last three: deflate, five filters, not interlaced
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  bytes[8] = 8; // bits; the colour type 0 is grey
  return bytes;
}

function chunk(name, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let index = 0; index < 4; index += 1) bytes[4 + index] = name.charCodeAt(index);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const TABLE = new Uint32Array(256).map((_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}
