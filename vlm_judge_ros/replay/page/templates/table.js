// Sorts and filters the table, and hides the episodes below that the filter leaves out.
{
  const body = document.querySelector(".summary tbody");
  const rows = [...body.rows];
  const heads = [...document.querySelectorAll(".summary thead th")];
  const filters = [...document.querySelectorAll("[data-filter]")];
  let texts = null;

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) {
      return cell.textContent.trim().toLowerCase();
    }
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  const compare = (one, other) =>
    typeof one === "string" ? one.localeCompare(other, undefined, { numeric: true }) : one - other;

  function sort(column, order) {
    const sign = order === "ascending" ? 1 : -1;
    const keyed = rows.map((row) => [column === null ? Number(row.dataset.number) : valueOf(row, column), row]);
    // What is not known comes last, whatever the order; among equals the worst first.
    keyed.sort(([one, first], [other, second]) =>
      one === other ? first.dataset.number - second.dataset.number
        : one === null ? 1 : other === null ? -1 : sign * compare(one, other));
    body.append(...keyed.map(([, row]) => row));
    heads.forEach((head, index) => head.setAttribute("aria-sort", index === column ? order : "none"));
  }

  function filter() {
    const wanted = Object.fromEntries(filters.map((field) => [field.dataset.filter, field.value]));
    const words = wanted.text.trim().toLowerCase().split(/\s+/);
    texts ??= rows.map((row) => row.textContent.toLowerCase().replace(/\s+/g, " "));
    let shown = 0;
    rows.forEach((row, index) => {
      const passes = words.every((word) => texts[index].includes(word))
        && ["outcome", "mode", "agrees"].every((key) => !wanted[key] || row.dataset[key] === wanted[key]);
      row.hidden = !passes;
      document.getElementById(`episode-${row.dataset.number}`).hidden = !passes;
      shown += passes;
    });
    document.querySelector("[data-count]").textContent =
      shown === rows.length ? `${rows.length} episodes` : `${shown} of ${rows.length} episodes`;
  }

  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () =>
    sort(column, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending")));
  document.querySelector("[data-worst]").addEventListener("click", () => sort(null, "ascending"));
  filters.forEach((field) => field.addEventListener("input", filter));
  document.querySelector(".filters").hidden = false;
}
