// The pictures of one episode, from all cameras, drawn as they are at one moment.

const POLL_MS = 300;

export const GONE = "The program does not answer; start it again, and open the address that it prints. Nothing that was saved is lost.";

/** The place of the newest time that is not later than a moment; the first where all are later. */
function newest(times, moment) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= moment + 1e-6) low = middle + 1; else high = middle;
  }
  return Math.max(0, low - 1);
}

export class Film {
  /** Shows an episode within an element; `told` is called whenever more of it has been read. */
  constructor(index, place, told) {
    this.index = index;
    this.duration_s = 0;
    this.read_s = 0;
    this.finished = false;
    this.cameras = [];
    this.closed = false;
    this.moment_s = 0;
    this.place = place;
    this.told = told;
    this.loaded = this.load();
  }

  async load() {
    while (!this.closed) {
      const response = await fetch(`episode/${this.index}`).catch(() => { throw new Error(GONE); });
      const told = await response.json();
      if (this.closed) return;
      if (!response.ok) throw new Error(told.error);
      this.take(told);
      if (told.finished) return;
      await new Promise(done => setTimeout(done, POLL_MS));
    }
  }

  take(told) {
    Object.assign(this, { duration_s: told.duration_s, read_s: told.read_s, finished: told.finished });
    if (!this.cameras.length) this.build(told.cameras);
    told.cameras.forEach((camera, number) => { this.cameras[number].times_s = camera.times_s; });
    const faults = [told.fault, told.broken ? `${told.broken} images are broken and left out.` : ""].filter(Boolean);
    this.fault.textContent = faults.join(" ");
    this.fault.hidden = !faults.length;
    this.show(this.moment_s);
    this.told();
  }

  build(cameras) {
    const row = document.createElement("div");
    row.className = "cameras";
    for (const { name } of cameras) {
      const figure = document.createElement("figure"), canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 480;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Camera ${name}`);
      const caption = document.createElement("figcaption");
      caption.textContent = name;
      figure.append(canvas, caption);
      row.append(figure);
      this.cameras.push({ canvas, times_s: [], wanted: -1, shown: -1, busy: false });
    }
    this.fault = document.createElement("p");
    this.fault.className = "fault";
    this.place.append(row, this.fault);
  }

  /** The moment of the picture before or after a moment, of whichever camera; the moment itself where there is none. */
  neighbour(moment_s, direction) {
    let best = null;
    for (const { times_s } of this.cameras) {
      const here = newest(times_s, moment_s);
      const steps = direction > 0 ? [here, here + 1] : [here, here - 1];
      const found = steps.map(place => times_s[place])
        .find(time => time !== undefined && (time - moment_s) * direction > 1e-6);
      if (found !== undefined && (best === null || (found - best) * direction < 0)) best = found;
    }
    return best === null ? moment_s : best;
  }

  show(moment_s) {
    this.moment_s = moment_s;
    this.cameras.forEach((camera, number) => {
      if (!camera.times_s.length) return;
      camera.wanted = newest(camera.times_s, moment_s);
      if (!camera.busy && camera.wanted !== camera.shown) this.draw(camera, number);
    });
  }

  /** Draws the newest picture that is wanted; those that were wanted meanwhile are passed over. */
  async draw(camera, number) {
    camera.busy = true;
    try {
      while (!this.closed && camera.wanted !== camera.shown) {
        const wanted = camera.wanted;
        const response = await fetch(`picture/${this.index}/${number}/${wanted}`);
        if (response.status !== 200) {  // the server gave the pictures back, and has to read them again
          await fetch(`episode/${this.index}`);
          await new Promise(done => setTimeout(done, POLL_MS));
          continue;
        }
        const bitmap = await createImageBitmap(await response.blob());
        if (camera.canvas.width !== bitmap.width || camera.canvas.height !== bitmap.height) {
          camera.canvas.width = bitmap.width;
          camera.canvas.height = bitmap.height;
        }
        camera.canvas.getContext("2d").drawImage(bitmap, 0, 0);
        bitmap.close();
        camera.shown = wanted;
      }
    } catch {
      this.fault.textContent = GONE;
      this.fault.hidden = false;
    } finally {
      camera.busy = false;
    }
  }

  close() {
    this.closed = true;
    this.place.remove();
  }
}
