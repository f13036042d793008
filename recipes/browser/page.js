// Reads the face in a square of a photo: cut out and resampled as fra_zoo does it, answered by ONNX Runtime.
import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more would need headers that plain web servers do not send

const LARGEST = 4096; // side of a photo, pixels
const canvas = document.getElementById("photo");
const say = (line) => { document.getElementById("said").textContent = line; };
let about, session, photo, box;

async function start() {
  about = await (await fetch("model.json")).json();
  for (const line of about.limits) {
    document.getElementById("limits").append(Object.assign(document.createElement("li"), { textContent: line }));
  }
  session = await ort.InferenceSession.create("model.onnx");
  document.getElementById("file").disabled = false;
  say(`${about.name} is ready`);
}

async function open(file) {
  let image;
  clear();
  try {
    image = await createImageBitmap(file);
  } catch (error) {
    say(`${file.name} could not be read: the browser knows no image in it`);
    return;
  }
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  photo = new OffscreenCanvas(Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)));
  photo.getContext("2d").drawImage(image, 0, 0, photo.width, photo.height);
  canvas.width = photo.width;
  canvas.height = photo.height;
  const side = Math.min(photo.width, photo.height);
  box = [Math.floor((photo.width - side) / 2), Math.floor((photo.height - side) / 2), side, side];
  await answer();
}

function clear() {
  photo = box = undefined;
  canvas.width = canvas.height = 1;
  document.getElementById("bars").replaceChildren();
}

function draw() {
  const pen = canvas.getContext("2d");
  pen.drawImage(photo, 0, 0);
  pen.lineWidth = Math.max(2, photo.width / 200);
  pen.strokeStyle = "#e66a1f";
  pen.strokeRect(...box);
}

// Weights that resample [start, start + length) of an axis of `size` pixels to `out` pixels, antialiased, bilinear.
function taps(start, length, size, out) {
  const scale = length / out, widen = Math.max(1, scale);
  return Array.from({ length: out }, (_, i) => {
    const centre = start + (i + 0.5) * scale, found = [];
    let sum = 0;
    for (let p = Math.max(0, Math.floor(centre - widen)); p < Math.min(size, Math.ceil(centre + widen)); p++) {
      const weight = Math.max(0, 1 - Math.abs(p + 0.5 - centre) / widen);
      if (weight > 0) found.push([p, weight]);
      sum += weight;
    }
    return found.map(([p, weight]) => [p, weight / sum]);
  });
}

// (h, w, 3) to (out, out, 3); `at` gives a value by row, column and channel.
function resample(at, [x, y, width, height], h, w, out) {
  const across = taps(x, width, w, out), down = taps(y, height, h, out);
  const result = new Float32Array(out * out * 3);
  down.forEach((rows, i) => across.forEach((columns, j) => {
    for (let c = 0; c < 3; c++) {
      let value = 0;
      for (const [r, a] of rows) for (const [q, b] of columns) value += a * b * at(r, q, c);
      result[(i * out + j) * 3 + c] = value;
    }
  }));
  return result;
}

function input() {
  const { data, width, height } = photo.getContext("2d").getImageData(0, 0, photo.width, photo.height);
  const n = about.load_size, size = about.size;
  const face = resample((r, q, c) => data[(r * width + q) * 4 + c], box, height, width, n).map(Math.round);
  const seen = resample((r, q, c) => face[(r * n + q) * 3 + c] / 255, [0, 0, n, n], n, n, size);
  const copies = about.flip_average ? 2 : 1, plane = size * size;
  const values = new Float32Array(copies * 3 * plane);
  for (let k = 0; k < copies; k++) for (let c = 0; c < 3; c++) for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
    const from = (i * size + (k ? size - 1 - j : j)) * 3 + c; // the second is the mirror image
    values[(k * 3 + c) * plane + i * size + j] = (seen[from] - about.mean[c]) / about.std[c];
  }
  return new ort.Tensor("float32", values, [copies, 3, size, size]);
}

function softmax(logits) {
  const most = Math.max(...logits), powers = logits.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
}

async function answer() {
  draw();
  const began = performance.now();
  const { logits } = await session.run({ images: input() });
  const count = about.labels.length, [copies] = logits.dims;
  const mean = about.labels.map((_, i) => {
    let sum = 0;
    for (let k = 0; k < copies; k++) sum += logits.data[k * count + i];
    return sum / copies;
  });
  const probabilities = softmax(mean);
  const order = about.labels.map((_, i) => i).sort((a, b) => probabilities[b] - probabilities[a]);
  document.getElementById("bars").replaceChildren(...order.map((i) => row(about.labels[i], probabilities[i])));
  say(`${about.labels[order[0]]} ${(100 * probabilities[order[0]]).toFixed(0)} %, in ${(performance.now() - began).toFixed(0)} ms`);
}

function row(name, probability) {
  const line = Object.assign(document.createElement("div"), { className: "row" });
  const bar = Object.assign(document.createElement("div"), { className: "bar" });
  bar.style.width = `${100 * probability}%`;
  const cell = (text) => Object.assign(document.createElement("span"), { textContent: text });
  line.append(cell(name), Object.assign(document.createElement("div"), {}), cell(`${(100 * probability).toFixed(1)}`));
  line.children[1].append(bar);
  return line;
}

let corner;
const place = (event) => {
  const frame = canvas.getBoundingClientRect();
  return [(event.clientX - frame.left) * canvas.width / frame.width, (event.clientY - frame.top) * canvas.height / frame.height];
};
canvas.addEventListener("pointerdown", (event) => { if (photo) { corner = place(event); canvas.setPointerCapture(event.pointerId); } });
canvas.addEventListener("pointermove", (event) => {
  if (!corner) return;
  const [x, y] = place(event), dx = x - corner[0], dy = y - corner[1];
  const room = (d, at, size) => (d < 0 ? at : size - at);
  const side = Math.floor(Math.min(Math.max(Math.abs(dx), Math.abs(dy)), room(dx, corner[0], photo.width), room(dy, corner[1], photo.height)));
  if (side < 8) return;
  box = [Math.round(corner[0] - (dx < 0 ? side : 0)), Math.round(corner[1] - (dy < 0 ? side : 0)), side, side];
  draw();
});
canvas.addEventListener("pointerup", () => { if (corner) { corner = undefined; answer(); } });
document.getElementById("file").addEventListener("change", (event) => { if (event.target.files[0]) open(event.target.files[0]); });

start().catch((error) => say(`the page could not be made ready: ${error.message}`));
