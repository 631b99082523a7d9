"""How pages look, and what they do when pictures are clicked."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #22252a; --faint: #666c75; --rule: #e2dfd8;
  --before: #7d6b52; --after: #1767a8; --better: #1a7a3a; --worse: #b93227; --bar: #dbe8f3; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1c1f25; --ink: #e7e8ea; --faint: #9aa1ab;
  --rule: #32363e; --before: #c9b28d; --after: #6db5f5; --better: #5fd07f; --worse: #ff8378; --bar: #26405a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto,
  "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 2.2rem 1.2rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 3rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .3rem; }
h4 { font-size: .95rem; margin: 1.2rem 0 .4rem; color: var(--faint); font-weight: 600; }
p, dd, li { max-width: 75ch; overflow-wrap: anywhere; }
.note { color: var(--faint); font-size: .9rem; margin: 0 0 .7rem; }
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .6rem 0 0; color: var(--faint); font-size: .92rem; }
.facts div { min-width: 0; } .facts dt, .facts dd { display: inline; } .facts dt::after { content: " "; }
.facts dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
nav { margin-top: 1rem; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; }
a { color: var(--after); text-underline-offset: .2em; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem; margin: .4rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: .8rem 1rem; }
.tile .what { color: var(--faint); font-size: .85rem; }
.tile .value { font-size: 1.7rem; font-weight: 650; line-height: 1.25; }
.tile .change { font-size: .9rem; color: var(--faint); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(250px, 100%), 1fr)); gap: .8rem; }
.plots figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .6rem .5rem .2rem; max-width: 420px; }
.plots figcaption { text-align: center; font-size: .92rem; font-weight: 600; }
svg { display: block; width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--faint); } svg .step { text-anchor: end; } svg .place, svg .value { text-anchor: middle; }
svg .grid { stroke: var(--rule); } svg polyline, svg .spread { fill: none; stroke-width: 2; }
svg .spread { stroke-width: 1.3; }
svg .before polyline, svg .before .spread { stroke: var(--before); } svg .before circle { fill: var(--card);
  stroke: var(--before); stroke-width: 2; } svg .before polyline { stroke-dasharray: 5 4; }
svg .after polyline, svg .after .spread { stroke: var(--after); } svg .after circle { fill: var(--after); }
svg .before .value { fill: var(--before); } svg .after .value { fill: var(--after); }
svg .value { font-weight: 600; paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.legend { display: flex; gap: 1.2rem; margin: 0 0 .6rem; font-size: .92rem; }
.legend span::before { content: ""; display: inline-block; width: .75em; height: .75em; border-radius: 50%;
  margin-right: .45em; border: 2px solid var(--after); background: var(--after); }
.legend .before::before { border-color: var(--before); background: none; }
.tables { display: flex; flex-wrap: wrap; gap: 0 1.8rem; align-items: start; } .tables > div { max-width: 100%; }
.tables .note { contain: inline-size; max-width: none; }
.scroll { overflow: auto; max-height: 36rem; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; margin-bottom: 1rem; width: fit-content; max-width: 100%; }
.scroll:focus-visible, button:focus-visible, summary:focus-visible { outline: 2px solid var(--after);
  outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-size: .92rem; }
th, td { padding: .34rem .8rem; text-align: right; white-space: nowrap; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--card); color: var(--faint); font-weight: 600;
  border-bottom: 1px solid var(--rule); }
th.head { text-align: left; vertical-align: top; font-weight: 500; } tbody th.group { font-weight: 650; }
tbody th.group, th.head:first-child { position: sticky; left: 0; background: var(--card); }
thead th.head:first-child { z-index: 2; } th.long { white-space: normal; overflow-wrap: anywhere; min-width: 10rem; }
tbody tr.first:not(:first-child) > * { border-top: 1px solid var(--rule); }
td.long { white-space: normal; min-width: 20rem; text-align: left; }
td b { font-weight: 700; } td .was { color: var(--faint); }
.better { color: var(--better); } .worse { color: var(--worse); }
td.bar { min-width: 8.5rem; background: linear-gradient(var(--bar), var(--bar)) no-repeat left center /
  calc((100% - .7rem) * var(--share)) 68%; }
details > summary { cursor: pointer; margin-top: 1rem; } details > summary h3 { display: inline; }
.view { margin: 0 0 1.2rem; } .view figcaption { font-size: .88rem; color: var(--faint); margin-bottom: .3rem;
  overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 340px)); gap: .5rem; }
.pictures.small { grid-template-columns: repeat(auto-fill, minmax(100px, 130px)); }
.picture { display: block; padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: left; }
.picture { min-width: 0; overflow-wrap: anywhere; }
button.picture { cursor: zoom-in; } .picture img { display: block; width: 100%; border-radius: 6px;
  border: 1px solid var(--rule); }
.picture .name { font-size: .88rem; } .picture .before { color: var(--before); }
.picture .after { color: var(--after); }
.absent { display: grid; place-items: center; aspect-ratio: 4 / 3; border: 1px dashed var(--rule); border-radius: 6px;
  color: var(--faint); font-size: .85rem; padding: .5rem; overflow-wrap: anywhere; }
dialog { border: 0; border-radius: 12px; padding: .8rem; background: var(--card); color: var(--ink); max-width: 97vw;
  max-height: 97vh; } dialog::backdrop { background: rgb(0 0 0 / .7); }
dialog img { display: block; width: min(97vw - 1.6rem, 1100px); max-height: 80vh; object-fit: contain; }
dialog div { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .6rem; }
dialog button { font: inherit; padding: .3rem .9rem; border-radius: 6px; border: 1px solid var(--rule);
  background: none; color: inherit; cursor: pointer; }
dialog button[aria-pressed=true] { background: var(--after); border-color: var(--after); color: var(--paper); }
dl.terms dt { font-weight: 650; margin-top: .7rem; } dl.terms dd { margin: 0; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: .2rem 1.1rem 1rem;
  margin: 1.2rem 0; scroll-margin-top: 1rem; }
.lazy { content-visibility: auto; contain-intrinsic-size: auto 900px; }
.stages { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; font-size: .92rem; }
.stages dt { font-weight: 600; } .stages dd { margin: 0; max-width: none; } .card h4 + .note { margin-top: -.3rem; }
.card h3 { font-size: 1.25rem; margin: .9rem 0 .2rem; overflow-wrap: anywhere; }
.card .facts { margin: 0; font-size: inherit; } .card .facts dt { font-weight: 400; }
.steps { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem; margin: .5rem 0; padding: 0;
  font-size: .85rem; }
.steps li { border: 1px solid var(--rule); border-radius: 99px; padding: .05rem .7rem; color: var(--faint); }
.steps .done { color: var(--better); border-color: currentColor; } .steps .done::before { content: "✓ "; }
.steps .failed { color: var(--worse); border-color: currentColor; } .steps .failed::before { content: "✗ "; }
.decision { border-left: 3px solid var(--after); padding-left: .7rem; }
.reason { border-left: 3px solid var(--worse); padding-left: .7rem; } .notes { padding-left: 1.1rem; }
.view figcaption:empty { display: none; }
pre { overflow: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: .6rem .8rem; }
@media (max-width: 640px) { main { padding: 1.4rem .9rem 3rem; } h1 { font-size: 1.6rem; }
  .stages { grid-template-columns: minmax(0, 1fr); } .pictures.small { grid-template-columns: repeat(4, 1fr); }
  .tiles { grid-template-columns: 1fr 1fr; } .tile .value { font-size: 1.35rem; }
  .pictures { grid-template-columns: repeat(min(2, var(--columns)), 1fr); }
  .pictures:not(.small) .picture:first-child:nth-last-child(odd) { grid-column: 1 / -1; }
  th, td { padding: .34rem .55rem; } }
@media print { .scroll { max-height: none; } nav { display: none; } }
"""

SCRIPT = """
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
"""
"""A click on a picture shows it large, and swaps it in place for the others of its view."""

DIALOG = '<dialog aria-label="Pictures of one view, large"><img alt=""><div></div></dialog>'
