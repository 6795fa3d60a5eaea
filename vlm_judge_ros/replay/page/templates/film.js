// Lets a person stop an episode at any moment, and see its pictures in full size. Without it the page shows the most
// telling moment.
const lightbox = document.querySelector(".lightbox");
let enlarged = null;
const share = (value) => (value === null ? "not known" : `${(value * 100).toFixed(0)} %`);

function filmOf(episode) {
  const { start, cameras, readings, pictures } = JSON.parse(episode.querySelector("script.readings").textContent);
  if (!readings.length) {
    return;
  }
  const film = episode.querySelector("input.film");
  const drawings = [...episode.querySelectorAll(".curves svg")];
  const strip = new Map([...episode.querySelectorAll("[data-picture]")].map((img) => [Number(img.dataset.picture), img.src]));
  const large = [...episode.querySelectorAll("[data-large]")];
  let current = start;

  const addressOf = (camera) => {
    const number = readings[current][6][camera];
    return number === null ? "" : strip.get(number) ?? pictures[number] ?? "";
  };
  const edges = (svg) => [Number(svg.dataset.left), Number(svg.dataset.right), Number(svg.dataset.seconds)];
  const told = (camera) => `${cameras[camera]} camera at ${readings[current][0].toFixed(1)} s`;

  function show(index) {
    current = Math.min(Math.max(index, 0), readings.length - 1);
    const [seconds, state, ...shares] = readings[current];
    film.value = seconds;
    film.setAttribute("aria-valuetext", `${seconds.toFixed(1)} s, ${state}, progress ${share(shares[0])}`);
    large.forEach((img, camera) => {
      const address = addressOf(camera);
      address ? (img.src = address) : img.removeAttribute("src");
      img.alt = told(camera);
    });
    for (const field of episode.querySelectorAll(".reading [data-key]")) {
      if (field.dataset.key === "time") {
        field.textContent = `${seconds.toFixed(1)} s`;
      } else if (field.dataset.key === "state") {
        field.firstElementChild.textContent = state;
        field.firstElementChild.className = `badge ${state}`;
      } else {
        field.textContent = share(shares[Number(field.dataset.key) - 2]);
      }
    }
    for (const svg of drawings) {
      const [left, right, last] = edges(svg);
      const x = left + (right - left) * Math.min(seconds / last, 1);
      const playhead = svg.querySelector(".playhead");
      playhead.setAttribute("x1", x);
      playhead.setAttribute("x2", x);
      playhead.setAttribute("visibility", "visible");
    }
  }

  const at = (seconds) => readings.reduce((best, reading, index) =>
    Math.abs(reading[0] - seconds) < Math.abs(readings[best][0] - seconds) ? index : best, 0);

  function under(svg, clientX) {
    const [left, right, last] = edges(svg);
    const box = svg.getBoundingClientRect();
    return at(((clientX - box.left) / box.width * svg.viewBox.baseVal.width - left) / (right - left) * last);
  }

  function enlarge(camera) {
    enlarged = { step, nextCamera: () => enlarge((camera + 1) % cameras.length) };
    const img = lightbox.querySelector("img");
    img.src = addressOf(camera);
    img.alt = told(camera);
    lightbox.querySelector("[data-caption]").textContent =
      `${told(camera)}: ${readings[current][1]}, progress ${share(readings[current][2])}`;
    if (!lightbox.open) {
      lightbox.showModal();
    }
    function step(count) {
      const before = addressOf(camera);
      // Where no new picture was taken there is nothing to see.
      do {
        show(current + count);
      } while (addressOf(camera) === before && current > 0 && current < readings.length - 1);
      enlarge(camera);
    }
  }

  film.hidden = false;
  film.addEventListener("input", () => show(at(Number(film.value))));
  for (const svg of drawings) {
    svg.addEventListener("pointermove", (event) => show(under(svg, event.clientX)));
    svg.addEventListener("pointerdown", (event) => show(under(svg, event.clientX)));
  }
  for (const button of episode.querySelectorAll(".picture")) {
    button.addEventListener("click", () => {
      const moment = button.closest(".moment");
      if (moment) {
        show(at(Number(moment.dataset.seconds)));
      }
      enlarge(Number(button.dataset.camera));
    });
  }
  show(start);
}

lightbox.addEventListener("click", (event) => {
  const { step, cameraStep, close } = event.target.dataset;
  if (step) {
    enlarged.step(Number(step));
  } else if (cameraStep) {
    enlarged.nextCamera();
  } else if (close !== undefined || event.target === lightbox) {
    lightbox.close();
  }
});
lightbox.addEventListener("keydown", (event) => {
  const action = {
    ArrowLeft: () => enlarged.step(-1),
    ArrowRight: () => enlarged.step(1),
    ArrowUp: () => enlarged.nextCamera(),
    ArrowDown: () => enlarged.nextCamera(),
  }[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
