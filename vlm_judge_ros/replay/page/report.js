// Lets a person stop the film at any moment. Without it the page shows the most telling moment.
"use strict";
for (const episode of document.querySelectorAll(".episode")) {
  const readings = JSON.parse(episode.querySelector("script.readings").textContent);
  const moments = [...episode.querySelectorAll(".moment")];
  const film = episode.querySelector("input.film");
  const drawings = [...episode.querySelectorAll("svg")];

  const edges = (svg) => [Number(svg.dataset.left), Number(svg.dataset.right), Number(svg.dataset.seconds)];

  function show(index) {
    const reading = readings[index];
    film.value = reading.seconds;
    film.setAttribute("aria-valuetext", reading.time);
    for (const picture of moments[index].querySelectorAll("img")) {
      episode.querySelector(`.pictures img[data-camera="${CSS.escape(picture.dataset.camera)}"]`).src = picture.src;
    }
    for (const field of episode.querySelectorAll(".reading [data-key]")) {
      if (field.dataset.key !== "state") {
        field.textContent = reading[field.dataset.key];
        continue;
      }
      const badge = field.querySelector(".badge");
      badge.textContent = reading.state.toLowerCase();
      badge.className = `badge ${reading.state.toLowerCase()}`;
    }
    for (const svg of drawings) {
      const [left, right, seconds] = edges(svg);
      const x = left + (right - left) * Math.min(reading.seconds / seconds, 1);
      const playhead = svg.querySelector(".playhead");
      playhead.setAttribute("x1", x);
      playhead.setAttribute("x2", x);
      playhead.setAttribute("visibility", "visible");
    }
  }

  function at(seconds) {
    return readings.reduce((best, reading, index) =>
      Math.abs(reading.seconds - seconds) < Math.abs(readings[best].seconds - seconds) ? index : best, 0);
  }

  function under(svg, clientX) {
    const [left, right, seconds] = edges(svg);
    const box = svg.getBoundingClientRect();
    const x = (clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    return at((x - left) / (right - left) * seconds);
  }

  film.hidden = false;
  film.addEventListener("input", () => show(at(Number(film.value))));
  for (const svg of drawings) {
    svg.addEventListener("pointermove", (event) => show(under(svg, event.clientX)));
    svg.addEventListener("pointerdown", (event) => show(under(svg, event.clientX)));
  }
  moments.forEach((moment, index) => moment.addEventListener("click", () => show(index)));
  show(Number(episode.dataset.start));
}
