// @ts-check
/**
 * The paper of the view "Draw an image" of the studio's Explore page. A visitor draws on it, or puts a picture on it.
 *
 * The browser shrinks the picture. So the server gets a small PNG, whatever the size and the format of the file.
 * Texts come from the server. This is the whole program of one component of Streamlit.
 */

/**
 * @typedef {object} DrawTexts
 * @property {string} paper what the paper is, for readers of a screen
 * @property {string} find
 * @property {string} clear
 * @property {string} file
 * @property {string} empty
 * @property {string} unreadable
 *
 * @typedef {object} DrawData what the server sends
 * @property {DrawTexts} texts
 * @property {boolean} reverse whether white and black change places
 * @property {string} picture the last picture, as the address of a PNG; empty without one
 * @property {string} [language] the code of the language of the texts; English without one
 *
 * @typedef {object} Component what Streamlit gives
 * @property {ParentNode} parentElement
 * @property {DrawData} data
 * @property {(name: string, value: string) => void} setTriggerValue
 */

const PEN = 22;
/** The width of a line, of 256 pixels of the paper: that of MNIST's digits, if a drawing fills the paper. */

class Board {
  /** @param {ParentNode} root with the elements of draw.html */
  constructor(root) {
    /** @param {string} part @returns {any} */
    const element = (part) => root.querySelector(`.${part}`);
    this.board = element("board");
    /** @type {HTMLCanvasElement} */
    this.paper = element("paper");
    this.findButton = element("find");
    this.clearButton = element("clear");
    this.file = element("file");
    this.fileText = element("file-text");
    this.status = element("status");
    /** @type {(picture: string) => void} */
    this.report = () => {};
    /** @type {DrawTexts | null} */
    this.texts = null;
    this.isEmpty = true;
    this.isRestored = false;
    /** Counts pictures, so that one that is decoded late does not replace a newer one. */
    this.number = 0;
    const context = this.paper.getContext("2d", { alpha: false });
    if (!context) throw new Error("This browser cannot draw.");
    this.context = context;
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", imageSmoothingQuality: "high" });
    this.#fill("#000");
    this.#connect();
  }

  #connect() {
    const { paper } = this;
    /** @type {{id: number, x: number, y: number} | null} */
    let stroke = null;
    /** @param {PointerEvent} event */
    const placeOf = (event) => {
      const box = paper.getBoundingClientRect();
      const scale = paper.width / box.width;
      return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    };
    /** @param {{x: number, y: number}} from @param {{x: number, y: number}} to */
    const line = (from, to) => {
      const { context } = this;
      context.strokeStyle = "#fff";
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x + 0.01, to.y); // a line of no length draws no dot in some browsers
      context.stroke();
    };
    paper.onpointerdown = (event) => {
      if (!event.isPrimary || event.button > 0) return; // a second finger
      event.preventDefault();
      const place = placeOf(event);
      stroke = { id: event.pointerId, ...place };
      paper.setPointerCapture(event.pointerId);
      this.number += 1;
      line(place, place);
      this.#changed(false);
    };
    paper.onpointermove = (event) => {
      if (stroke?.id !== event.pointerId) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const passed of events.length ? events : [event]) {
        const place = placeOf(passed);
        line(stroke, place);
        stroke = { id: event.pointerId, ...place };
      }
    };
    paper.onpointerup = paper.onpointercancel = (event) => {
      if (stroke?.id === event.pointerId) stroke = null;
    };
    this.clearButton.onclick = () => {
      this.number += 1;
      this.#fill("#000");
      this.#changed(true);
    };
    this.findButton.onclick = () => this.report(paper.toDataURL("image/png"));
    this.file.onchange = () => {
      const [file] = this.file.files;
      this.file.value = ""; // the same file may be chosen again
      if (file) this.#show(file, true);
    };
    paper.ondragover = (event) => event.preventDefault();
    paper.ondrop = (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) this.#show(file, true);
    };
  }

  /** @param {string} color */
  #fill(color) {
    this.context.fillStyle = color;
    this.context.fillRect(0, 0, this.paper.width, this.paper.height);
  }

  /** @param {boolean} isEmpty */
  #changed(isEmpty) {
    this.isEmpty = isEmpty;
    this.findButton.disabled = isEmpty;
    this.status.textContent = isEmpty ? (this.texts?.empty ?? "") : "";
  }

  /**
   * Put the middle of a picture on the paper: its largest square.
   * @param {Blob} file
   * @param {boolean} isNew whether a visitor has chosen it just now
   */
  async #show(file, isNew) {
    this.number += 1;
    const { number, paper, context } = this;
    try {
      const image = await createImageBitmap(file);
      if (number !== this.number) return;
      const side = Math.min(image.width, image.height);
      this.#fill("#fff"); // where the picture is transparent
      const [left, top] = [(image.width - side) / 2, (image.height - side) / 2];
      context.drawImage(image, left, top, side, side, 0, 0, paper.width, paper.height);
      image.close();
      this.#changed(false);
      if (isNew) this.report(paper.toDataURL("image/png"));
    } catch {
      if (number === this.number) this.status.textContent = this.texts?.unreadable ?? "";
    }
  }

  /** Take new values from the server. @param {Component} component */
  update({ data, setTriggerValue }) {
    const { texts } = data;
    this.texts = texts;
    // Browsers choose glyphs and voices by it. "zh" alone does not say which characters are meant.
    this.board.lang = data.language === "zh" ? "zh-Hans" : (data.language ?? "en");
    this.report = (picture) => setTriggerValue("picture", picture);
    this.paper.setAttribute("aria-label", texts.paper);
    this.paper.classList.toggle("reverse", data.reverse);
    this.findButton.textContent = texts.find;
    this.clearButton.textContent = texts.clear;
    this.fileText.textContent = texts.file;
    if (this.isEmpty) this.status.textContent = texts.empty;
    if (!this.isRestored && data.picture) {
      fetch(data.picture)
        .then((answer) => answer.blob())
        .then((blob) => this.#show(blob, false), () => {});
    }
    this.isRestored = true;
  }
}

/** @type {WeakMap<ParentNode, Board>} */
const boards = new WeakMap();

/** Show the board in a component, or its new values. @param {Component} component */
export default function showBoard(component) {
  const root = component.parentElement;
  const board = boards.get(root) ?? new Board(root);
  boards.set(root, board);
  board.update(component);
}
