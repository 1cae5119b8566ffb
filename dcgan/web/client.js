// @ts-check
/**
 * The page's side of the worker: requests as promises, and channels in which only the newest request matters.
 */

import { SentenceError } from "./texts.js";

/** An error that the worker reports. */
export class WorkerError extends SentenceError {
  /** @param {import("./texts.js").Note} error */
  constructor({ text, values }) {
    super(text, values);
  }
}

/** The worker, with one promise for each request. */
export class Client {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    this.count = 0;
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    worker.onmessage = ({ data }) => {
      const request = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) request?.reject(new WorkerError(data.error));
      else request?.resolve(data.result);
    };
    worker.onerror = (event) => {
      /** @type {string | import("./texts.js").Note} */
      const reason = event.message ?? { text: "workerEnded" };
      for (const { reject } of this.waiting.values()) reject(new WorkerError({ text: "pageFailed", values: { reason } }));
      this.waiting.clear();
    };
  }

  /**
   * Send a request and return its answer. Rejects with WorkerError.
   * @param {string} kind
   * @param {Record<string, any>} message
   * @returns {Promise<any>}
   */
  ask(kind, message) {
    this.count += 1;
    const id = this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...message, id, kind });
    });
  }

  /**
   * Return a function that sends requests, of which only the newest waits: while one is drawn, later ones replace each
   * other. So scrubbing never falls behind.
   * @param {string} kind
   * @param {(result: any, message: any) => void} show
   * @param {(error: WorkerError) => void} fail
   */
  channel(kind, show, fail) {
    /** @type {Record<string, any> | null} */
    let next = null;
    let busy = false;
    const run = async () => {
      busy = true;
      while (next) {
        const message = next;
        next = null;
        try {
          show(await this.ask(kind, message), message);
        } catch (error) {
          if (!(error instanceof WorkerError)) throw error;
          fail(error);
        }
      }
      busy = false;
    };
    return (/** @type {Record<string, any>} */ message) => {
      next = message;
      if (!busy) run();
    };
  }
}
