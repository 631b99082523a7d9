const dialog = document.querySelector("dialog"), large = dialog.querySelector("img"), bar = dialog.querySelector("div");
let row = [], shown = 0;
function show(index) {
  shown = (index + row.length) % row.length;
  const picture = row[shown].querySelector("img");
  large.src = picture.src; large.alt = picture.alt;
  [...bar.children].forEach((button, i) => button.setAttribute("aria-pressed", i === shown));
}
for (const button of document.querySelectorAll("button.picture")) button.addEventListener("click", () => {
  row = [...button.parentElement.querySelectorAll("button.picture")];
  bar.replaceChildren(...row.map((each, i) => {
    const choice = document.createElement("button");
    choice.textContent = each.dataset.name;
    choice.addEventListener("click", () => show(i));
    return choice;
  }));
  show(row.indexOf(button));
  dialog.showModal();
});
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
large.addEventListener("click", () => show(shown + 1));
dialog.addEventListener("keydown", event => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
