// Opens the episode that a link names, and makes the film of an episode when it is first opened. Opens all for printing.
{
  const episodes = [...document.querySelectorAll("details.episode")];
  const ready = new WeakSet();

  function prepare(episode) {
    if (episode.open && !ready.has(episode)) {
      ready.add(episode);
      // Episodes that were never open are text, so that a page of thousands is shown at once.
      const closed = episode.querySelector("script.closed");
      if (closed) {
        closed.insertAdjacentHTML("afterend", closed.textContent.replaceAll("</%script", "</script"));
        closed.remove();
      }
      filmOf(episode);
    }
  }

  function follow() {
    const episode = document.getElementById(location.hash.slice(1));
    if (episode?.matches("details.episode")) {
      episode.open = true;
      prepare(episode);
      episode.scrollIntoView();
      episode.querySelector("summary").focus({ preventScroll: true });
    }
  }

  // Paper cannot be clicked. Browsers do not agree on how a style shows what is in a closed element, so it is opened.
  let openedToPrint = [];
  addEventListener("beforeprint", () => {
    openedToPrint.push(...episodes.filter((episode) => !episode.hidden && !episode.open));
    for (const episode of openedToPrint) {
      episode.open = true;
      prepare(episode);
      episode.querySelectorAll("img[loading]").forEach((img) => { img.loading = "eager"; });
    }
  });
  addEventListener("afterprint", () => {
    openedToPrint.forEach((episode) => { episode.open = false; });
    openedToPrint = [];
  });
  for (const episode of episodes) {
    episode.addEventListener("toggle", () => prepare(episode));
    prepare(episode);
  }
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => episodes.forEach((episode) => {
      if (!episode.hidden) {
        episode.open = button.dataset.open === "all";
      }
    }));
    button.parentElement.hidden = false;
  }
  addEventListener("hashchange", follow);
  // A second click on the same link changes nothing in the address.
  document.querySelector(".summary").addEventListener("click", (event) => {
    if (event.target.closest("a")) {
      setTimeout(follow);
    }
  });
  follow();
}
