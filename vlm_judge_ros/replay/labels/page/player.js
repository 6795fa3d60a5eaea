// Time: plays, pauses, steps and scrubs.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const find = id => document.getElementById(id);

export class Player {
  /** `show` is called with each new moment, in seconds; `resized` when the track means other times than before. */
  constructor(show, resized) {
    this.show = show;
    this.resized = resized;
    this.films = [];
    this.moment_s = 0;
    this.end_s = 0;
    this.speed = 2;
    this.playing = false;
    this.before_ms = 0;
    for (const speed of SPEEDS) find("speed").append(new Option(`${speed}x`, String(speed)));
    find("speed").value = String(this.speed);
    find("speed").addEventListener("change", () => { this.speed = Number(find("speed").value); find("speed").blur(); });
    find("time").addEventListener("input", () => { this.pause(); this.at(Number(find("time").value)); });
    find("time").addEventListener("change", () => find("time").blur());
    window.addEventListener("resize", resized);
  }

  /** Starts playing other films from their start. */
  begin(films) {
    this.films = films;
    this.end_s = 0;
    this.at(0);
    this.play();
  }

  /** More of the films has been read. */
  extend(films) {
    if (films !== this.films) return;
    const end_s = Math.max(...films.map(film => film.duration_s));
    if (end_s === this.end_s) return;
    this.end_s = end_s;
    find("time").max = String(end_s);
    this.at(this.moment_s);
    this.resized();
  }

  at(moment_s) {
    this.moment_s = Math.max(0, Math.min(moment_s, this.end_s || 0));
    find("time").value = String(this.moment_s);
    find("time").setAttribute("aria-valuetext", `${this.moment_s.toFixed(1)} seconds`);
    find("clock").textContent = `${this.moment_s.toFixed(1)} s of ${this.end_s.toFixed(1)} s`;
    this.show(this.moment_s);
  }

  play() {
    if (this.moment_s >= this.end_s && this.end_s > 0) this.at(0);
    this.before_ms = performance.now();
    find("play").textContent = "Pause";
    if (this.playing) return;
    this.playing = true;
    requestAnimationFrame(now_ms => this.tick(now_ms));
  }

  pause() {
    this.playing = false;
    find("play").textContent = "Play";
  }

  toggle() {
    if (this.playing) this.pause(); else this.play();
  }

  tick(now_ms) {
    if (!this.playing) return;
    const passed_s = Math.max(0, now_ms - this.before_ms) / 1000 * this.speed;
    this.before_ms = now_ms;
    // It never runs ahead of what has been read.
    const ready_s = Math.min(...this.films.map(film => film.finished ? this.end_s : film.read_s));
    if (this.end_s) this.at(Math.max(this.moment_s, Math.min(this.moment_s + passed_s, ready_s)));
    if (this.end_s && this.moment_s >= this.end_s) return this.pause();
    requestAnimationFrame(next_ms => this.tick(next_ms));
  }

  jump(moment_s) {
    this.pause();
    this.at(moment_s);
  }

  /** To the next picture of any camera, or to the one before. */
  step(direction) {
    const moments = this.films.map(film => film.neighbour(this.moment_s, direction)).filter(each => each !== this.moment_s);
    if (moments.length) this.jump(direction > 0 ? Math.min(...moments) : Math.max(...moments));
    else this.pause();
  }

  faster(steps) {
    const place = Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(this.speed) + steps));
    this.speed = SPEEDS[place];
    find("speed").value = String(this.speed);
  }
}
