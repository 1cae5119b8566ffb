// @ts-check
/**
 * The page's address: the link stands in its query, so that all apps of the project open it. What only this page knows
 * stands behind #: the view, the snapshot, the place on the map, the quiz.
 */

import { FIELDS, LANGUAGE_KEY, parseQuery } from "./link.js";

const ADDRESS_MILLISECONDS = 400;
/** The time between two changes. Safari allows 100 in 30 seconds. */

export class Address {
  /** @param {() => {query: string, extra: string}} content of the present address */
  constructor(content) {
    this.content = content;
    this.timer = 0;
    /** The address as this page wrote it. */
    this.written = location.href;
  }

  /** Let the address follow soon. It is never later than this, however many changes come. */
  follow() {
    if (!this.timer) this.timer = setTimeout(() => this.#write(), ADDRESS_MILLISECONDS);
  }

  #write() {
    this.timer = 0;
    const { query, extra } = this.content();
    try {
      history.replaceState(null, "", `?${query}${extra && `#${extra}`}`);
      tellSpace(query, extra);
    } catch {
      // A page that was opened from a disk may only change what stands behind #.
      location.replace(`#${query}${extra && `&${extra}`}`);
    }
    this.written = location.href;
  }

  /** @returns {{query: string, extra: URLSearchParams}} the link of the address, and what only this page knows */
  read() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.written = location.href;
    const known = new Set(Object.values(FIELDS).map((field) => field.key));
    // The end of an address is behind #, so it is repaired as a query is.
    const fragment = [...parseQuery(location.hash.slice(1))];
    const inFragment = fragment.filter(([key]) => known.has(key));
    // A page writes a link behind # only where it cannot change the query, which is then an older one.
    const query = inFragment.length ? new URLSearchParams(inFragment).toString() : location.search;
    const extra = fragment.filter(([key]) => !known.has(key) && key !== LANGUAGE_KEY);
    return { query, extra: new URLSearchParams(extra) };
  }

  /**
   * Call back when a visitor opens another address of this page, as by a link that is pasted into the address bar. The
   * browser loads no page again where only what stands behind # differs. It loads none either on the way back to an
   * address of this page, whose query may differ too.
   * @param {() => void} open
   */
  onOpened(open) {
    for (const event of ["popstate", "hashchange"]) {
      addEventListener(event, () => {
        if (location.href !== this.written) open();
      });
    }
  }
}

/** @returns what the address has as its language; what stands behind # is newer */
export function languageOfAddress() {
  const [query, fragment] = [location.search, location.hash.slice(1)].map(parseQuery);
  return fragment.get(LANGUAGE_KEY) ?? query.get(LANGUAGE_KEY) ?? "";
}

/**
 * Pass the address on to the page of Hugging Face around a static Space, which shows it to the visitor.
 * @param {string} queryString @param {string} hash
 */
function tellSpace(queryString, hash) {
  if (window.parent === window || !location.hostname.endsWith(".hf.space")) return;
  window.parent.postMessage({ queryString, hash }, "https://huggingface.co");
}
