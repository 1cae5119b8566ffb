// @ts-check
/**
 * The page: it opens the link in the address, and shows one of its views.
 */

import { languageOfAddress } from "./address.js";
import { Client } from "./client.js";
import { byId } from "./dom.js";
import { Library } from "./library.js";
import { MapView } from "./map.js";
import { QuizView } from "./quiz.js";
import { Studio, noteOf } from "./studio.js";
import { TimeView } from "./time.js";
import { WalkView } from "./walk.js";
import { beginLanguage, chooseLanguage, offerLanguages, writeAttribute, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./texts.js").TextName} TextName */

/** Write the texts that the document names. */
function writeTexts() {
  for (const element of document.querySelectorAll("[data-text]")) {
    writeText(element, /** @type {TextName} */ (element.getAttribute("data-text")));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    writeAttribute(element, "aria-label", { text: /** @type {TextName} */ (element.getAttribute("data-label")) });
  }
}

/** @returns the worker: this very program, from its file or from the text inside the page */
function startWorker() {
  const program = document.getElementById("program");
  if (!program) return new Worker(new URL("main.js", document.baseURI), { type: "module" });
  // A page from a disk may start classic workers only.
  const text = new Blob([program.textContent ?? ""], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(text));
}

/** @param {Studio} studio */
function connect(studio) {
  const models = byId("model");
  models.replaceChildren(...studio.library.manifest.models.map(({ name }) => new Option(name)));
  models.onchange = () => studio.settle(studio.choose(models.value));
  studio.views = {
    walk: new WalkView(studio),
    time: new TimeView(studio),
    map: new MapView(studio),
    quiz: new QuizView(studio),
  };
  studio.address.onOpened(() => studio.settle(studio.reopen()));
  const names = Object.keys(studio.views);
  for (const name of names) {
    const tab = byId(`tab-${name}`);
    tab.onclick = () => studio.select(name);
    tab.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const shown = names.filter((other) => !byId(`tab-${other}`).hidden);
      const next = shown[(shown.indexOf(name) + step + shown.length) % shown.length];
      studio.select(next);
      byId(`tab-${next}`).focus();
    };
  }
  let width = 0;
  new ResizeObserver(() => {
    if (!studio.room) return; // hidden, such as in a frame of another page
    if (width && width !== studio.room) studio.views[studio.view].show();
    width = studio.room;
  }).observe(byId("studio"));
}

/** Start the page. What keeps it from starting is a sentence on it. */
export async function startPage() {
  /** @type {Studio | undefined} */
  let opened;
  offerLanguages(byId("languages"), (code) => {
    chooseLanguage(code);
    opened?.address.follow();
  });
  writeTexts();
  beginLanguage(languageOfAddress());
  try {
    const client = new Client(startWorker());
    const studio = new Studio(await Library.open(client), client);
    await studio.open();
    opened = studio;
    byId("studio").hidden = false;
    connect(studio);
    studio.showAddressed();
  } catch (error) {
    writeNotes(byId("status"), [noteOf(error)]);
  }
}
